import { normaliseMirroredRows, normaliseRows } from "./normalise-kernels.ts";
import { openKernels, type OpenedKernels } from "./open-kernels.ts";

type NormaliseRows = (
  source: number,
  sourceStride: number,
  target: number,
  targetStride: number,
  plane: number,
  constants: number,
  blocks: number,
  rows: number,
) => void;

interface NormaliseKernels {
  readonly normaliseRows: NormaliseRows;
  readonly normaliseMirroredRows: NormaliseRows;
}

/** The kernels that make planes of pixels. */
export const openNormaliser: (bytes: number) => OpenedKernels<NormaliseKernels> = openKernels(() => [
  normaliseRows(),
  normaliseMirroredRows(),
]);
