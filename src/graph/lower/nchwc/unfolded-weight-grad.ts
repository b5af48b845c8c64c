import { concat, gemm, int64s, pad, reorderOutputLast, reshape, slice, transpose } from "../../ops/index.ts";
import type { Convolution } from "../convolution.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";

/** dW = dYᵀ · columns: the input as every tap of the kernel sees it, side by side, one row a pixel. */
export function unfoldedWeightGrad(x: Float, dy: Float, convolution: Convolution): Float {
  const { kernel, strides, dilations, pads, shape } = convolution;
  const [n, out, height, width] = lengthsOf(dy);
  const padded = pad(reorderOutputLast(x), [0, pads[0], pads[1], 0, 0, pads[2], pads[3], 0]);
  const taps = Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const top = Math.floor(tap / kernel[1]) * dilations[0];
    const left = (tap % kernel[1]) * dilations[1];
    const ends = [top + (height - 1) * strides[0] + 1, left + (width - 1) * strides[1] + 1];
    return slice(padded, int64s([top, left]), int64s(ends), [1, 2], strides);
  });
  const columns = reshape(concat(taps, 3), [n * height * width, -1]);
  const rows = reshape(reorderOutputLast(dy), [n * height * width, out]);
  const product = gemm(rows, columns, undefined, { transA: 1 });
  return reshape(transpose(reshape(product, [out, taps.length, shape[1]]), [0, 2, 1]), shape);
}
