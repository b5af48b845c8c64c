import { apply } from "../../apply.ts";
import { blockedConv } from "../../ops/blocked.ts";
import { hardSigmoid, mul, neg } from "../../ops/elementwise.ts";
import { expand as expandTo, reshape } from "../../ops/layout.ts";
import { atScope } from "../../scope.ts";
import { float32, type Node } from "../../value.ts";
import type { Float } from "../lower.ts";
import { blocked, flat, isBlockable, lengthsOf, type BlockedRule } from "./rule.ts";

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
export const add: BlockedRule = (site) => {
  const [a, b] = site.node.inputs;
  if (!site.isBlocked(0) || !site.isBlocked(1) || a!.shape.join() !== b!.shape.join()) return undefined;
  const fused = withSum(site.open(0), site.blocked(1)) ?? withSum(site.open(1), site.blocked(0));
  return fused ? [blocked(fused)] : elementwise(site);
};

/** Inside the convolution before it, where there is one. */
export const relu: BlockedRule = (site) => {
  const convolution = site.open(0);
  return convolution ? [blocked(withRelu(convolution))] : elementwise(site);
};

/** So steep that every positive float32 above 1e-38 gives 1. */
const steepest = 1e38;

/** A mask of zeros and ones by a vectorised kernel: comparison, cast and Where are slower. */
export const reluGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0) && !site.isBlocked(1)) return undefined;
  return [blocked(mul(hardSigmoid(site.blocked(0), steepest, 0), site.blocked(1)))];
};

/** The same blocked convolution with a ReLU behind it. */
function withRelu(convolution: Node): Float {
  return again(convolution, { activation: "Relu" });
}

/** The same blocked convolution with something added to its result, if nothing is yet. */
function withSum(convolution: Node | undefined, addend: Float): Float | undefined {
  return convolution && !convolution.inputs[3] ? again(convolution, {}, addend) : undefined;
}

function again({ scope, inputs, attributes }: Node, added: Node["attributes"], addend?: Float): Float {
  const [x, weight, bias, sum] = inputs as readonly (Float | undefined)[];
  return atScope(scope, () => blockedConv(x!, weight!, bias, addend ?? sum, { ...attributes, ...added }));
}

/** One element a channel to all its pixels: [N, C, 1, 1] has the same order in both layouts. */
export const expand: BlockedRule = (site) => {
  const [x, y] = [site.node.inputs[0]!, site.node.outputs[0]!];
  if (!isBlockable(y, site.block)) return undefined;
  const [n, channels, height, width] = lengthsOf(y);
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
export const sgdUpdate: BlockedRule = (site) => {
  const [parameter, momentum] = [site.flat(0), site.flat(2)];
  if (!parameter || !momentum) return undefined;
  const dims = parameter.shape as number[];
  const { momentum: mu, weight_decay: decay } = site.node.attributes as Readonly<Record<string, number>>;
  const { block } = site;
  const everywhere = (value: number): Float =>
    float32(
      Array.from({ length: block }, () => value),
      [block, 1, 1, 1],
    );
  const scaledPlus = (x: Float, scale: Float, sum: Float): Float =>
    blockedConv(x, scale, undefined, sum, { kernel_shape: [1, 1], group: block });

  const gradient = reshape(site.plain(1), dims);
  const g = decay! > 0 ? scaledPlus(parameter, everywhere(decay!), gradient) : gradient;
  const moved = scaledPlus(momentum, everywhere(mu!), g);
  const descent = expandTo(neg(site.plain(3)), [block, 1, 1, 1]);
  return [flat(scaledPlus(moved, descent, parameter)), flat(moved)];
};
