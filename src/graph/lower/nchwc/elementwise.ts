import { blockedConv } from "../../ops/blocked.ts";
import { hardSigmoid, mul, neg } from "../../ops/elementwise.ts";
import { expand as expandTo, reshape } from "../../ops/layout.ts";
import type { NodeOf } from "../../ops/table.ts";
import { float32, staticShape, type Float } from "../../value.ts";
import { blocked, flat, isBlockable, type BlockedRule } from "./rule.ts";

/** So steep that every positive float32 above 1e-38 gives 1. */
const steepest = 1e38;

/** A mask of zeros and ones by a vectorised kernel: comparison, cast and Where are slower. */
export const reluGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0) && !site.isBlocked(1)) return undefined;
  return [blocked(mul(hardSigmoid(site.blocked(0), steepest, 0), site.blocked(1)))];
};

/** One element a channel to all its pixels: [N, C, 1, 1] has the same order in both layouts. */
export const expand: BlockedRule = (site) => {
  const [x, y] = [site.node.inputs[0]!, site.node.outputs[0]!];
  if (!isBlockable(y, site.block)) return undefined;
  const [n, channels, height, width] = y.shape;
  if (x.shape.join() !== [n, channels, 1, 1].join()) return undefined;
  const rows = (n * channels) / site.block;
  const repeated = expandTo(reshape(site.plain(0), [rows, 1, site.block]), [
    rows,
    height * width,
    site.block,
  ]);
  return [blocked(reshape(repeated, [n, channels, height, width]))];
};

/**
 * The classical form for large parameters as depthwise convolutions of one block: each adds its Sum to a
 * multiple of its input in one pass.
 */
export const sgdUpdate: BlockedRule<NodeOf<"SgdUpdate">> = (site) => {
  const [parameter, momentum] = [site.flat(0), site.flat(2)];
  if (!parameter || !momentum) return undefined;
  const dims = staticShape(parameter);
  const { momentum: mu, weight_decay: decay } = site.node.attributes;
  const { block } = site;
  const everywhere = (value: number): Float =>
    float32(
      Array.from({ length: block }, () => value),
      [block, 1, 1, 1],
    );
  const scaledPlus = (x: Float, scale: Float, sum: Float): Float =>
    blockedConv(x, scale, undefined, sum, { kernel_shape: [1, 1], group: block });

  const gradient = reshape(site.plain(1), dims);
  const g = decay > 0 ? scaledPlus(parameter, everywhere(decay), gradient) : gradient;
  const moved = scaledPlus(momentum, everywhere(mu), g);
  const descent = expandTo(neg(site.plain(3)), [block, 1, 1, 1]);
  return [flat(scaledPlus(moved, descent, parameter)), flat(moved)];
};
