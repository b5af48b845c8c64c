import { blockedConv } from "../../ops/index.ts";
import { convolutionOf } from "../convolution.ts";
import { blockDiagonal, turnedWeight } from "./blocked-weight.ts";
import { mergedGroups } from "./merged-groups.ts";
import { blocked, isBlockable, lengthsOf, type BlockedRule } from "./rule.ts";
import { spreadBlocked } from "./spread-blocked.ts";

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
