import { blockedConv, float32, int64s, mul, reduceSum, reshape, slice, transpose } from "../../ops/index.ts";
import type { Convolution } from "../convolution.ts";
import type { Float } from "../lowering.ts";
import { identity } from "./blocked-weight.ts";
import { padColumns } from "./pad-columns.ts";
import type { MergedGroups } from "./merged-groups.ts";
import { lengthsOf } from "./rule.ts";
import { sumOverBatch } from "./sum-over-batch.ts";

/**
 * dW as a convolution of X with dY, whose pixels keep their order.
 *
 * For blocked kernels, a group of one input channel is a plain image, and its weight has the order
 * [h, w, block of O]: just that of one block of dY. And a block of X is a plain image whose rows have
 * width · block elements; a step of one pixel is one of `block` elements. So the kernel is as large as dY,
 * dilated by the forward stride, and the result has a row for each row of the weight, and in it `block`
 * elements for each column. Every image and group is a group of this convolution, and the blocks of X that one
 * group reads are its batch.
 *
 * @returns `undefined` where rows or columns at the end were never read, or the groups fit no kernel.
 */
export function spatialWeightGrad(
  x: Float,
  dy: Float,
  convolution: Convolution,
  merged: MergedGroups,
  block: number,
): Float | undefined {
  const { group, kernel, strides, dilations, pads, shape } = convolution;
  const { factor, groups } = merged;
  const [, channels, height, width] = lengthsOf(x);
  const [, out, rows, columns] = lengthsOf(dy);
  const reach = [0, 1].map((axis) => dilations[axis]! * (kernel[axis]! - 1));
  const bottom = (rows - 1) * strides[0] + reach[0]! + 1 - height - pads[0];
  const right = (columns - 1) * strides[1] + reach[1]! + 1 - width - pads[1];
  if (bottom < 0 || right < 0) return undefined;

  const found = [reach[0]! + 1, reach[1]! + 1] as const;
  const [inBlocks, outBlocks] = [channels / groups / block, out / groups / block];
  const rowLength = (width + pads[1] + right) * block;
  /** [I, groups, O, rows, columns, block of I, block of O], for some of the images. */
  const products = (images: Float, grads: Float): Float => {
    const n = lengthsOf(images)[0];
    const weight = reshape(grads, [n * out, 1, rows, columns]);
    const attributes = {
      kernel_shape: [rows, columns],
      group: n * groups,
      dilations: [strides[0], strides[1] * block],
      pads: [pads[0], 0, bottom, 0],
    };
    const planes = reshape(images, [n * groups, inBlocks, height * rowLength]);
    const byBlock = inBlocks === 1 ? planes : transpose(planes, [1, 0, 2]);
    const image = reshape(byBlock, [inBlocks, n * groups, height, rowLength]);
    const taps = blockedConv(image, weight, undefined, undefined, attributes);
    const perImage = reshape(taps, [inBlocks, n, groups, outBlocks, ...found, block, block]);
    return reduceSum(perImage, [1], { keepdims: 0 });
  };
  const summed = sumOverBatch([padColumns(x, pads[1], right), dy], groups, block, products);
  if (!summed) return undefined;
  const taps = everyTap(summed, found, dilations);
  // [I, groups, O, h, w, block of I, block of O] to [groups, O, block of O, I, block of I, h, w]
  const ordered = transpose(taps, [1, 2, 6, 0, 5, 3, 4]);
  if (factor === 1) return reshape(ordered, shape);
  // The diagonal blocks are the groups that were merged.
  const crossed = reshape(ordered, [groups, factor, out / group, factor, shape[1] * kernel[0] * kernel[1]]);
  const kept = mul(crossed, float32(identity(factor), [factor, 1, factor, 1]));
  return reshape(reduceSum(kept, [3], { keepdims: 0 }), shape);
}

/** The rows and columns at which a dilated kernel has taps. */
function everyTap(
  products: Float,
  found: readonly [number, number],
  dilations: readonly [number, number],
): Float {
  if (dilations.every((step) => step === 1)) return products;
  return slice(products, int64s([0, 0]), int64s(found), [3, 4], dilations);
}
