import { elementCount } from "../../../core/index.ts";
import {
  blockedConv,
  blockedMaxPool,
  reorderInput,
  reorderOutput,
  reorderOutputLast,
} from "../../ops/blocked.ts";
import { add, clip, mul } from "../../ops/elementwise.ts";
import { concat, pad, reshape, scatterAdd, slice, transpose } from "../../ops/layout.ts";
import { gemm } from "../../ops/linear.ts";
import { maxPoolIndices } from "../../ops/pooling.ts";
import { reduceSum } from "../../ops/reduction.ts";
import type { NodeOf } from "../../ops/table.ts";
import { float32, int64s, lengthOf, staticShape, value4d, type Float } from "../../value.ts";
import { convolutionOf, type Convolution, type Pair } from "../lower.ts";
import { blockDiagonal, identity, mergedGroups, type MergedGroups } from "../merged-groups.ts";
import { turnedWeight } from "./blocked-weight.ts";
import { blocked, isBlockable, plain, type BlockedRule } from "./rule.ts";

/** Below, the sum over images of whole weights costs more than it saves. */
const fewestPixels = 64;

/** Each kind of convolution has a formulation of its own. */
export const convWeightGrad: BlockedRule<NodeOf<"ConvWeightGrad">> = (site) => {
  const { node, block } = site;
  const [x, dy] = node.inputs;
  const convolution = convolutionOf(node);
  const { group, kernel, pads, dilations, shape } = convolution;
  if (!isBlockable(dy!, block)) return undefined;
  if (!isBlockable(x!, block)) {
    const isStem = group === 1 && lengthOf(x!, 1) < block && dilations.every((length) => length === 1);
    const grad = isStem && stemWeightGrad(site.plain(0), site.blocked(1), convolution, block);
    return grad ? [plain(grad)] : undefined;
  }
  const merged = mergedGroups(shape, group, block);
  if (!merged) return undefined;
  const operands = [site.blocked(0), site.blocked(1)] as const;
  const isPointwise =
    [...kernel, ...dilations].every((length) => length === 1) && pads.every((length) => length === 0);
  if (group === 1 && isPointwise) return [plain(pointwiseWeightGrad(...operands, convolution, block))];
  const [, , height, width] = dy.shape;
  const isSmall = group === 1 && height * width < fewestPixels;
  const grad = isSmall ? undefined : spatialWeightGrad(...operands, convolution, merged, block);
  if (grad) return [plain(grad)];
  return group === 1 ? [plain(unfoldedWeightGrad(...operands, convolution))] : undefined;
};

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
function pointwiseWeightGrad(x: Float, dy: Float, { strides, shape }: Convolution, block: number): Float {
  const isStrided = strides.some((length) => length > 1);
  const seen = isStrided ? blockedMaxPool(x, { kernel_shape: [1, 1], strides }) : x;
  // One image is one channel: there is always a way.
  const summed = sumOverBatch([seen, dy], 1, block, (some, grads) => pointwiseProducts(some, grads, block))!;
  // [O / block, C, block of O] is the blocked order of [O, C].
  return reshape(reorderOutput(summed), shape);
}

/** Σ X · dY over images and pixels: [1, O, C, 1], blocked. */
function pointwiseProducts(x: Float, dy: Float, block: number): Float {
  const [n, out, height, width] = value4d(dy).shape;
  const channels = value4d(x).shape[1];
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
function spatialWeightGrad(
  x: Float,
  dy: Float,
  convolution: Convolution,
  merged: MergedGroups,
  block: number,
): Float | undefined {
  const { group, kernel, strides, dilations, pads, shape } = convolution;
  const { factor, groups } = merged;
  const [, channels, height, width] = value4d(x).shape;
  const [, out, rows, columns] = value4d(dy).shape;
  const reach = [0, 1].map((axis) => dilations[axis]! * (kernel[axis]! - 1));
  const bottom = (rows - 1) * strides[0] + reach[0]! + 1 - height - pads[0];
  const right = (columns - 1) * strides[1] + reach[1]! + 1 - width - pads[1];
  if (bottom < 0 || right < 0) return undefined;

  const found = [reach[0]! + 1, reach[1]! + 1] as const;
  const [inBlocks, outBlocks] = [channels / groups / block, out / groups / block];
  const rowLength = (width + pads[1] + right) * block;
  /** [I, groups, O, rows, columns, block of I, block of O], for some of the images. */
  const products = (images: Float, grads: Float): Float => {
    const n = value4d(images).shape[0];
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

/**
 * dW of a convolution of few channels, which stand one after another: each is an image of the batch of a
 * convolution with dY, whose groups are the images of the real batch; see `spatialWeightGrad`.
 *
 * @returns `undefined` where rows or columns at the end were never read.
 */
function stemWeightGrad(
  x: Float,
  dy: Float,
  { kernel, strides, pads, shape }: Convolution,
  block: number,
): Float | undefined {
  const [, out, rows, columns] = value4d(dy).shape;
  const [, channels, height, width] = value4d(x).shape;
  const read = [(rows - 1) * strides[0] + kernel[0], (columns - 1) * strides[1] + kernel[1]] as const;
  const after = [read[0] - pads[0] - height, read[1] - pads[1] - width] as const;
  if (after.some((length) => length < 0)) return undefined;

  /** [channels, O, h · w, block of O], for some of the images. */
  const products = (images: Float, grads: Float): Float => {
    const n = value4d(images).shape[0];
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

/** dW = dYᵀ · columns: the input as every tap of the kernel sees it, side by side, one row a pixel. */
function unfoldedWeightGrad(x: Float, dy: Float, convolution: Convolution): Float {
  const { kernel, strides, dilations, pads, shape } = convolution;
  const [n, out, height, width] = value4d(dy).shape;
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

/** Σ over the parts of a batch of what `body` makes of two tensors' images. */
function sumOverBatch(
  [a, b]: readonly [Float, Float],
  perImage: number,
  block: number,
  body: (a: Float, b: Float) => Float,
): Float | undefined {
  const parts = batchParts(value4d(a).shape[0], perImage, block);
  if (!parts) return undefined;
  const [first, second] = [splitBatch(a, parts), splitBatch(b, parts)];
  return parts.map((_, index) => body(first[index]!, second[index]!)).reduce(add);
}

/**
 * Blocked kernels take fewer channels than a block, or whole blocks; where the images of a batch, or their
 * groups, become channels, not every batch fits. These are the images of each part that does.
 *
 * @param perImage Channels that one image becomes.
 * @returns `undefined` when one image alone does not fit.
 */
function batchParts(n: number, perImage: number, block: number): readonly number[] | undefined {
  const fits = (images: number): boolean => images * perImage < block || (images * perImage) % block === 0;
  if (fits(n)) return [n];
  let rest = 1;
  while (rest < n && !fits(n - rest)) rest++;
  return rest < n && fits(rest) ? [n - rest, rest] : undefined;
}

/** The images of each part. */
function splitBatch(x: Float, parts: readonly number[]): readonly Float[] {
  if (parts.length === 1) return [x];
  let end = 0;
  return parts.map((images) => {
    const start = end;
    end += images;
    return slice(x, int64s([start]), int64s([end]), [0]);
  });
}

/** Zeros left and right of a blocked tensor: a convolution with ones, since Pad runs on one thread. */
function padColumns(x: Float, left: number, right: number): Float {
  if (left === 0 && right === 0) return x;
  const channels = lengthOf(x, 1);
  const ones = float32(
    Array.from({ length: channels }, () => 1),
    [channels, 1, 1, 1],
  );
  const attributes = { kernel_shape: [1, 1], group: channels, pads: [0, left, 0, right] };
  return blockedConv(x, ones, undefined, undefined, attributes);
}

/** A blocked convolution of dY with the turned weight; a stride puts zeros between the pixels of dY. */
export const convInputGrad: BlockedRule<NodeOf<"ConvInputGrad">> = (site) => {
  const { node, block } = site;
  const [dy, weight] = node.inputs;
  const { group, kernel, strides, dilations, pads, shape } = convolutionOf(node);
  const merged = mergedGroups(value4d(weight!).shape, group, block);
  if (!merged || !dy || !isBlockable(dy, block)) return undefined;
  const turned = turnedWeight(blockDiagonal(site.plain(1), merged), merged.groups, block);
  const attributes = { group: merged.groups, kernel_shape: kernel, dilations };
  const size: Pair = [shape[2], shape[3]];
  if (kernel.every((length) => length === 1) && pads.every((length) => length === 0)) {
    const small = blockedConv(site.blocked(0), turned, undefined, undefined, attributes);
    return [blocked(spreadBlocked(small, strides, size, block))];
  }

  const before = perAxis((axis) => dilations[axis] * (kernel[axis] - 1) - pads[axis]);
  const lengths: Pair = [dy.shape[2], dy.shape[3]];
  const spread = perAxis((axis) => Math.min(lengths[axis] * strides[axis], size[axis] + pads[axis]));
  const after = perAxis((axis) => size[axis] + pads[axis] - spread[axis]);
  const cutsPixels = spread.some((length, axis) => length <= (lengths[axis]! - 1) * strides[axis]!);
  if (cutsPixels || before.some((length) => length < 0)) return undefined;
  const grid = spreadBlocked(site.blocked(0), strides, spread, block);
  const padded = { ...attributes, pads: [...before, ...after] };
  return [blocked(blockedConv(grid, turned, undefined, undefined, padded))];
};

const perAxis = (length: (axis: 0 | 1) => number): Pair => [length(0), length(1)];

/** Puts zeros behind every row and column of a blocked tensor, by the stride, and cuts or fills it to `size`. */
function spreadBlocked(x: Float, [vertical, horizontal]: Pair, size: Pair, block: number): Float {
  const [n, channels, height, width] = value4d(x).shape;
  if (vertical === 1 && horizontal === 1 && size[0] === height && size[1] === width) return x;
  const planes = (n * channels) / block;
  const apart = reshape(x, [planes * height, 1, width, 1, block]);
  const zeros = pad(apart, [0, 0, 0, 0, 0, 0, vertical - 1, 0, horizontal - 1, 0]);
  const [rows, columns] = [height * vertical, width * horizontal];
  const whole = reshape(zeros, [planes, rows, columns, block]);
  const rest = [size[0] - rows, size[1] - columns] as const;
  const cut = rest.some((length) => length !== 0) ? pad(whole, [0, 0, 0, 0, 0, ...rest, 0]) : whole;
  return reshape(cut, [n, channels, ...size]);
}

/** The plain kernel says where each window's first maximum stands; the gradients are added there. */
export const maxPoolGrad: BlockedRule<NodeOf<"MaxPoolGrad">> = (site) => {
  if (!site.isBlocked(0)) return undefined;
  const [x, dy] = [site.plain(0), site.plain(2)];
  const indices = maxPoolIndices(x, site.node.attributes);
  // Computed from x, since a constant of this size would be stored.
  const zeros = clip(reshape(x, [elementCount(staticShape(x))]), float32(0), float32(0));
  const sums = scatterAdd(zeros, reshape(indices, [-1]), reshape(dy, [-1]), 0);
  return [blocked(reorderInput(reshape(sums, staticShape(x))))];
};
