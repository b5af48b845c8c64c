import { blockedConv, pad, reduceSum, reshape, transpose } from "../../ops/index.ts";
import type { Convolution } from "../convolution.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";
import { sumOverBatch } from "./sum-over-batch.ts";

/**
 * dW of a convolution of few channels, which stand one after another: each is an image of the batch of a
 * convolution with dY, whose groups are the images of the real batch; see `spatialWeightGrad`.
 *
 * @returns `undefined` where rows or columns at the end were never read.
 */
export function stemWeightGrad(
  x: Float,
  dy: Float,
  { kernel, strides, pads, shape }: Convolution,
  block: number,
): Float | undefined {
  const [, out, rows, columns] = lengthsOf(dy);
  const [, channels, height, width] = lengthsOf(x);
  const read = [(rows - 1) * strides[0] + kernel[0], (columns - 1) * strides[1] + kernel[1]] as const;
  const after = [read[0] - pads[0] - height, read[1] - pads[1] - width] as const;
  if (after.some((length) => length < 0)) return undefined;

  /** [channels, O, h · w, block of O], for some of the images. */
  const products = (images: Float, grads: Float): Float => {
    const n = lengthsOf(images)[0];
    const padded = pad(images, [0, 0, pads[0], pads[1], 0, 0, ...after]);
    const byChannel = transpose(reshape(padded, [n, channels, read[0] * read[1]]), [1, 0, 2]);
    const taps = blockedConv(
      reshape(byChannel, [channels, n, ...read]),
      reshape(grads, [n * out, 1, rows, columns]),
      undefined,
      undefined,
      { kernel_shape: [rows, columns], group: n, dilations: strides },
    );
    const perImage = reshape(taps, [channels, n, out / block, kernel[0] * kernel[1], block]);
    return reduceSum(perImage, [1], { keepdims: 0 });
  };
  // One image is one channel: there is always a way.
  const summed = sumOverBatch([x, dy], 1, block, products)!;
  return reshape(transpose(summed, [1, 3, 0, 2]), shape);
}
