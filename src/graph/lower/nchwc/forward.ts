import { apply, atScope } from "../../apply.ts";
import { blockedConv, blockedGlobalAveragePool, blockedMaxPool } from "../../ops/blocked.ts";
import { mul, neg } from "../../ops/elementwise.ts";
import { expand as expandTo, reshape } from "../../ops/layout.ts";
import type { NodeOf } from "../../ops/table.ts";
import { float32, staticShape, value4d, type Float, type Value } from "../../value.ts";
import { mergedGroups } from "../merged-groups.ts";
import { isPositive } from "../standard.ts";
import {
  blocked,
  fillsBlocks,
  flat,
  isBlockable,
  type BlockedRule,
  type BlockedRules,
  type Placed,
  type Site,
} from "./rule.ts";

export const reluGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0) && !site.isBlocked(1)) return undefined;
  return [blocked(mul(isPositive(site.blocked(0)), site.blocked(1)))];
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

/** Narrow groups are merged; a stem of few channels reads the image as it is. */
const conv: BlockedRule<NodeOf<"Conv">> = (site) => {
  const { node, block, target } = site;
  const [x, weight, bias] = node.inputs;
  if (!fillsBlocks(node.outputs[0]!, block)) return undefined;
  const { group = 1 } = node.attributes;
  const channels = x!.shape[1]!;
  const isStem = group === 1 && typeof channels === "number" && channels < block;
  const merged = isStem ? undefined : mergedGroups(value4d(weight!).shape, group, block);
  if (!isStem && !(merged && fillsBlocks(x!, block))) return undefined;
  const ordered = target.weight(site.plain(1), block, merged);
  if (!ordered) return undefined;
  const image = isStem ? site.plain(0) : site.blocked(0);
  const attributes = merged ? { ...node.attributes, group: merged.groups } : node.attributes;
  return [blocked(blockedConv(image, ordered, bias && site.plain(2), undefined, attributes))];
};

/** The order of elements does not matter where every operand has the same one, or a single element. */
export const elementwise: BlockedRule = (site) => {
  const { op, inputs, attributes, outputs } = site.node;
  const shape = outputs[0]!.shape.join();
  const operands = inputs.map((value, index) => {
    if (site.isBlocked(index) && value!.shape.join() === shape) return site.blocked(index);
    return value!.shape.length === 0 ? site.plain(index) : undefined;
  });
  if (!operands.every(Boolean) || !inputs.some((_, index) => site.isBlocked(index))) return undefined;
  return apply(op, operands, attributes).map(blocked);
};

/** Inside the convolution that made one of the terms: residuals, and gradients that meet. */
const add: BlockedRule = (site) => {
  const [a, b] = site.node.inputs;
  if (!site.isBlocked(0) || !site.isBlocked(1) || a!.shape.join() !== b!.shape.join()) return undefined;
  for (const [term, addend] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const convolution = site.open(term);
    if (convolution && !convolution.inputs[3]) {
      return [blocked(fused(site, convolution, {}, site.blocked(addend)))];
    }
  }
  return elementwise(site);
};

/** Inside the convolution before it, where there is one. */
const relu: BlockedRule = (site) => {
  const convolution = site.open(0);
  return convolution ? [blocked(fused(site, convolution, { activation: "Relu" }))] : elementwise(site);
};

/** The same blocked convolution with a ReLU behind it, or with something added to its result. */
function fused(
  { node, target }: Site,
  convolution: NodeOf<"BlockedConv">,
  added: { readonly activation?: "Relu" },
  addend?: Float,
): Float {
  const { inputs, attributes } = convolution;
  const [x, weight, bias, sum] = inputs as readonly [Float, Float, Float | undefined, Float | undefined];
  return atScope(target.scopeOf(node, convolution), () =>
    blockedConv(x, weight, bias, addend ?? sum, { ...attributes, ...added }),
  );
}

const maxPool: BlockedRule<NodeOf<"MaxPool">> = (site) =>
  site.isBlocked(0) ? [blocked(blockedMaxPool(site.blocked(0), site.node.attributes))] : undefined;

/** [N, C, 1, 1] has the same order in both layouts, and may be placed as either. */
export const globalAveragePool =
  (placed: (value: Value) => Placed): BlockedRule =>
  (site) =>
    site.isBlocked(0) ? [placed(blockedGlobalAveragePool(site.blocked(0)))] : undefined;

/** What inference and training have in common: all of a network whose normalisations are folded, but its pooling. */
export const forwardRules: BlockedRules = { Add: add, Conv: conv, MaxPool: maxPool, Relu: relu };
