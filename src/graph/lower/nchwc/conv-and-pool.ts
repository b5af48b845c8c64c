import { elementCount } from "../../../core/index.ts";
import { blockedConv, blockedGlobalAveragePool, blockedMaxPool, reorderInput } from "../../ops/blocked.ts";
import { clip } from "../../ops/elementwise.ts";
import { pad, reshape, scatterAdd } from "../../ops/layout.ts";
import { maxPoolIndices, type PoolAttributes } from "../../ops/pooling.ts";
import { float32 } from "../../value.ts";
import { convolutionOf, type Float } from "../lower.ts";
import { blockDiagonal, blockedWeight, mergedGroups, stemWeight, turnedWeight } from "./blocked-weight.ts";
import { blocked, isBlockable, lengthsOf, plain, type BlockedRule } from "./rule.ts";

/** Narrow groups are merged; a stem of few channels reads the image as it is. */
export const conv: BlockedRule = (site) => {
  const { node, block } = site;
  const [x, weight, bias] = node.inputs;
  if (!isBlockable(node.outputs[0]!, block)) return undefined;
  const given = bias && site.plain(2);
  const { group } = convolutionOf(node);
  if (group === 1 && (x!.shape[1] as number) < block) {
    const stem = stemWeight(site.plain(1));
    return [blocked(blockedConv(site.plain(0), stem, given, undefined, node.attributes))];
  }
  const merged = mergedGroups(lengthsOf(weight!), group, block);
  if (!merged || !isBlockable(x!, block)) return undefined;
  const wide = blockedWeight(blockDiagonal(site.plain(1), merged), block);
  const attributes = { ...node.attributes, group: merged.groups };
  return [blocked(blockedConv(site.blocked(0), wide, given, undefined, attributes))];
};

/** A blocked convolution of dY with the turned weight; a stride puts zeros between the pixels of dY. */
export const convInputGrad: BlockedRule = (site) => {
  const { node, block } = site;
  const [dy, weight] = node.inputs;
  const { group, kernel, strides, dilations, pads, shape } = convolutionOf(node);
  const merged = mergedGroups(lengthsOf(weight!), group, block);
  if (!merged || !isBlockable(dy!, block)) return undefined;
  const turned = turnedWeight(blockDiagonal(site.plain(1), merged), merged.groups, block);
  const attributes = { group: merged.groups, kernel_shape: kernel, dilations };
  const size = shape.slice(2) as [number, number];
  if (kernel.every((length) => length === 1) && pads.every((length) => length === 0)) {
    const small = blockedConv(site.blocked(0), turned, undefined, undefined, attributes);
    return [blocked(spreadBlocked(small, strides, size, block))];
  }

  const reach = [0, 1].map((axis) => dilations[axis]! * (kernel[axis]! - 1));
  const before = [0, 1].map((axis) => reach[axis]! - pads[axis]!);
  const lengths = lengthsOf(dy!).slice(2);
  const spread = lengths.map((length, axis) => Math.min(length * strides[axis]!, size[axis]! + pads[axis]!));
  const after = spread.map((length, axis) => size[axis]! + pads[axis]! - length);
  const cutsPixels = spread.some((length, axis) => length <= (lengths[axis]! - 1) * strides[axis]!);
  if (cutsPixels || before.some((length) => length < 0)) return undefined;
  const grid = spreadBlocked(site.blocked(0), strides, spread as [number, number], block);
  const padded = { ...attributes, pads: [...before, ...after] };
  return [blocked(blockedConv(grid, turned, undefined, undefined, padded))];
};

/** Puts zeros behind every row and column of a blocked tensor, by the stride, and cuts or fills it to `size`. */
function spreadBlocked(
  x: Float,
  [vertical, horizontal]: readonly [number, number],
  size: readonly [number, number],
  block: number,
): Float {
  const [n, channels, height, width] = lengthsOf(x);
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

export const maxPool: BlockedRule = (site) =>
  site.isBlocked(0) ? [blocked(blockedMaxPool(site.blocked(0), site.node.attributes))] : undefined;

/** The plain kernel says where each window's first maximum stands; the gradients are added there. */
export const maxPoolGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0)) return undefined;
  const [x, dy] = [site.plain(0), site.plain(2)];
  const indices = maxPoolIndices(x, site.node.attributes as unknown as PoolAttributes);
  // Computed from x, since a constant of this size would be stored.
  const zeros = clip(reshape(x, [elementCount(x.shape as number[])]), float32(0), float32(0));
  const sums = scatterAdd(zeros, reshape(indices, [-1]), reshape(dy, [-1]), 0);
  return [blocked(reorderInput(reshape(sums, x.shape as number[])))];
};

/** [N, C, 1, 1] has the same order in both layouts. */
export const globalAveragePool: BlockedRule = (site) =>
  site.isBlocked(0) ? [plain(blockedGlobalAveragePool(site.blocked(0)))] : undefined;
