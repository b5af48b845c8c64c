import { blockedConv, reduceSum, reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";

/** Rows that are added up in one go: few, since partial sums keep rounding errors small, and threads busy. */
const mostRows = 8;

/** Σ x over images and pixels: [C]. */
export function channelSums(x: Float, block: number): Float {
  const [n, channels, height, width] = lengthsOf(x);
  const parts = partsOf(height);
  const rows = reshape(x, [(n * channels * parts) / block, (height / parts) * width, block]);
  return overParts(reduceSum(rows, [1], { keepdims: 0 }), x, parts, block);
}

/**
 * Σ a · b over images and pixels: [C].
 *
 * The weight of a depthwise blocked convolution lies in memory as a blocked tensor does: so one of the two is
 * the weight, and its kernel covers all pixels of a part.
 */
export function channelDots(a: Float, b: Float, block: number): Float {
  const [n, channels, height, width] = lengthsOf(a);
  const parts = partsOf(height);
  const planes = n * channels * parts;
  const kernel = [height / parts, width];
  const image = reshape(a, [1, planes, ...kernel]);
  const attributes = { kernel_shape: kernel, group: planes };
  const dots = blockedConv(image, reshape(b, [planes, 1, ...kernel]), undefined, undefined, attributes);
  return overParts(dots, a, parts, block);
}

/** Parts of `height` rows in all, each of as many rows as allowed. */
function partsOf(height: number): number {
  let parts = Math.ceil(height / mostRows);
  while (height % parts !== 0) parts++;
  return parts;
}

/** Sums per image, block of channels and part, to sums per channel. */
function overParts(sums: Float, x: Float, parts: number, block: number): Float {
  const [n, channels] = lengthsOf(x);
  const split = reshape(sums, [n, channels / block, parts, block]);
  return reshape(reduceSum(split, [0, 2], { keepdims: 0 }), [channels]);
}
