import {
  blockedConv,
  blockedMaxPool,
  reduceSum,
  reorderOutput,
  reshape,
  transpose,
} from "../../ops/index.ts";
import type { Convolution } from "../convolution.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";
import { sumOverBatch } from "./sum-over-batch.ts";

/** Pixels that a kernel covers at most, so that four blocks of it stay in a core's cache. */
const mostKernelPixels = 2048;

/**
 * dW of a 1x1 convolution as a convolution of X with dY, without bringing X into another order.
 *
 * A blocked kernel with fewer input channels than a block reads plain images, and weights in the order
 * [O, channels, h, w, block of O]. So the blocks of X stand below each other as one tall image, with
 * `block` elements for each pixel of a row, and dY is the weight; its kernel covers one block of X, which is
 * the stride. The images of the batch are the channels, over which a convolution sums.
 */
export function pointwiseWeightGrad(
  x: Float,
  dy: Float,
  { strides, shape }: Convolution,
  block: number,
): Float {
  const isStrided = strides.some((length) => length > 1);
  const seen = isStrided ? blockedMaxPool(x, { kernel_shape: [1, 1], strides }) : x;
  // One image is one channel: there is always a way.
  const summed = sumOverBatch([seen, dy], 1, block, (some, grads) => products(some, grads, block))!;
  // [O / block, C, block of O] is the blocked order of [O, C].
  return reshape(reorderOutput(summed), shape);
}

/** Σ X · dY over images and pixels: [1, O, C, 1], blocked. */
function products(x: Float, dy: Float, block: number): Float {
  const [n, out, height, width] = lengthsOf(dy);
  const channels = lengthsOf(x)[1];
  const together = imagesTogether(n, height * width, block);
  const groups = n / together;
  const tall = reshape(x, [1, n, (channels / block) * height, width * block]);
  const split = reshape(dy, [groups, together, out / block, height * width * block]);
  const ordered = together === 1 ? split : transpose(split, [0, 2, 1, 3]);
  const weight = reshape(ordered, [groups * out, together, height, width]);
  const found = blockedConv(tall, weight, undefined, undefined, {
    kernel_shape: [height, width],
    strides: [height, 1],
    dilations: [1, block],
    group: groups,
  });
  const perGroup = reshape(found, [groups, out, channels, 1]);
  return groups === 1 ? perGroup : reduceSum(perGroup, [0]);
}

/** The largest number of images that are summed in one convolution. */
function imagesTogether(n: number, pixels: number, block: number): number {
  let together = Math.min(n, block - 1, Math.max(1, Math.floor(mostKernelPixels / pixels)));
  while (n % together !== 0) together--;
  return together;
}
