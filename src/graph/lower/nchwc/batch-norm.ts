import { blockedConv } from "../../ops/blocked.ts";
import { add, div, mul, neg, sqrt, sub } from "../../ops/elementwise.ts";
import { reshape } from "../../ops/layout.ts";
import { reduceSum } from "../../ops/reduction.ts";
import type { NodeOf } from "../../ops/table.ts";
import { float32, lengthOf, value4d, type Float } from "../../value.ts";
import { blocked, isBlockable, plain, type BlockedRule } from "./rule.ts";

const deviation = (variance: Float, { epsilon }: { readonly epsilon: number }): Float =>
  sqrt(add(variance, float32(epsilon)));

/** scale · x + offset + sum for every channel: a depthwise convolution, so that a sum and a ReLU fit inside. */
function affine(x: Float, scale: Float, offset?: Float, sum?: Float): Float {
  const channels = lengthOf(x, 1);
  const attributes = { kernel_shape: [1, 1], group: channels };
  return blockedConv(x, reshape(scale, [channels, 1, 1, 1]), offset, sum, attributes);
}

/** Pixels and images over which the statistics of a channel are taken. */
function elementsOf(x: Float): number {
  const [n, , height, width] = value4d(x).shape;
  return n * height * width;
}

export const batchNormTraining: BlockedRule<NodeOf<"BatchNormTraining">> = (site) => {
  if (!site.isBlocked(0) || !isBlockable(site.node.inputs[0]!, site.block)) return undefined;
  const [x, weight, bias] = [site.blocked(0), site.plain(1), site.plain(2)];
  const share = float32(1 / elementsOf(x));
  const mean = mul(channelSums(x, site.block), share);
  const variance = sub(mul(channelDots(x, x, site.block), share), mul(mean, mean));
  const scale = div(weight, deviation(variance, site.node.attributes));
  return [blocked(affine(x, scale, sub(bias, mul(mean, scale)))), plain(mean), plain(variance)];
};

/** With constant statistics. */
export const batchNormFrozen: BlockedRule<NodeOf<"BatchNormalization">> = (site) => {
  if (!site.isBlocked(0) || !isBlockable(site.node.inputs[0]!, site.block)) return undefined;
  const [weight, bias, mean, variance] = [1, 2, 3, 4].map((index) => site.plain(index));
  const scale = div(weight!, deviation(variance!, site.node.attributes));
  return [blocked(affine(site.blocked(0), scale, sub(bias!, mul(mean!, scale))))];
};

/**
 * dX = a · dY + b · x + c for every channel, over M elements: a = w / s, b = -a · dWeight / (s · M),
 * c = -a · dBias / M - b · m.
 */
export const batchNormTrainingGrad: BlockedRule<NodeOf<"BatchNormTrainingGrad">> = (site) => {
  if (!site.isBlocked(0) || !isBlockable(site.node.inputs[0]!, site.block)) return undefined;
  const [x, dy] = [site.blocked(0), site.blocked(1)];
  const [weight, mean, variance] = [2, 3, 4].map((index) => site.plain(index));
  const std = deviation(variance!, site.node.attributes);
  const dBias = channelSums(dy, site.block);
  const dWeight = div(sub(channelDots(dy, x, site.block), mul(mean!, dBias)), std);
  const a = div(weight!, std);
  const share = mul(a, float32(1 / elementsOf(x)));
  const b = neg(mul(share, div(dWeight, std)));
  const c = neg(add(mul(share, dBias), mul(b, mean!)));
  return [blocked(affine(dy, a, undefined, affine(x, b, c))), plain(dWeight), plain(dBias)];
};

/** Rows that are added up in one go: few, since partial sums keep rounding errors small, and threads busy. */
const mostRows = 8;

/** Σ x over images and pixels: [C]. */
function channelSums(x: Float, block: number): Float {
  const [n, channels, height, width] = value4d(x).shape;
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
function channelDots(a: Float, b: Float, block: number): Float {
  const [n, channels, height, width] = value4d(a).shape;
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
  const [n, channels] = value4d(x).shape;
  const split = reshape(sums, [n, channels / block, parts, block]);
  return reshape(reduceSum(split, [0, 2], { keepdims: 0 }), [channels]);
}
