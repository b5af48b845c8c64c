import { elementCount } from "../../../core/index.ts";
import { blockedConv, reorderInput } from "../../ops/blocked.ts";
import { clip } from "../../ops/elementwise.ts";
import { pad, reshape, scatterAdd } from "../../ops/layout.ts";
import { maxPoolIndices } from "../../ops/pooling.ts";
import type { NodeOf } from "../../ops/table.ts";
import { float32, staticShape, value4d, type Float } from "../../value.ts";
import { convolutionOf, type Pair } from "../lower.ts";
import { blockDiagonal, mergedGroups } from "../merged-groups.ts";
import { turnedWeight } from "./blocked-weight.ts";
import { blocked, isBlockable, type BlockedRule } from "./rule.ts";

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
