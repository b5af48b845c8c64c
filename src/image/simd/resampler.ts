import { openKernels, type OpenedKernels } from "./open-kernels.ts";
import { alongColumns, alongRows } from "./resample-kernels.ts";

interface ResampleKernels {
  readonly alongRows: (
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    table: number,
    count: number,
    pairs: number,
    lines: number,
  ) => void;
  readonly alongColumns: (
    source: number,
    stride: number,
    target: number,
    table: number,
    tableStride: number,
    blocks: number,
    pairs: number,
    lines: number,
  ) => void;
}

/** The kernels of a resize. */
export const openResampler: (bytes: number) => OpenedKernels<ResampleKernels> = openKernels(() => [
  alongRows(),
  alongColumns(),
]);
