import { blendWithGrey, blendWithGround, sumGreys } from "./color-kernels.ts";
import { openKernels, type OpenedKernels } from "./open-kernels.ts";

interface ColorKernels {
  readonly sumGreys: (pixels: number, blocks: number, sums: number) => void;
  readonly blendWithGround: (pixels: number, blocks: number, ground: number, factor: number) => void;
  readonly blendWithGrey: (pixels: number, blocks: number, factor: number) => void;
}

/** The kernels that change colours. */
export const openRecolorer: (bytes: number) => OpenedKernels<ColorKernels> = openKernels(() => [
  sumGreys(),
  blendWithGround(),
  blendWithGrey(),
]);
