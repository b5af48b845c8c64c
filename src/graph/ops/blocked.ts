import { apply1 } from "../apply.ts";
import { defineBlockedOp, lengthOf, type AttributesOf, type Float } from "../value.ts";
import { Conv } from "./convolution.ts";
import { GlobalAveragePool, MaxPool, type PoolAttributes } from "./pooling.ts";

/**
 * ONNX Runtime's convolution of blocked tensors: [N, C, H, W] stored as [N, C / block, H, W, block].
 *
 * Inputs: x, weight, bias, and a tensor that is added before the activation. Shapes are written as if nothing
 * were blocked; weights are stored as `blockWeight` says.
 */
export const BlockedConv = defineBlockedOp("Conv", {
  arity: [2, 4],
  attributes: { ...Conv.attributes, activation: "string?" },
  infer: (at) => Conv.infer(at),
});

export const BlockedMaxPool = defineBlockedOp("MaxPool", {
  arity: [1, 1],
  attributes: MaxPool.attributes,
  infer: (at) => MaxPool.infer(at),
});

export const BlockedGlobalAveragePool = defineBlockedOp("GlobalAveragePool", {
  arity: [1, 1],
  attributes: {},
  infer: (at) => GlobalAveragePool.infer(at),
});

/** From [N, C, H, W] as everyone else stores it, or from [N, H, W, C]. */
export const BlockedReorderInput = defineBlockedOp("ReorderInput", {
  arity: [1, 1],
  attributes: { channels_last: "int?" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const [n, ...rest] = shape;
    const moved = [n!, rest.at(-1)!, ...rest.slice(0, -1)];
    return [{ dtype, shape: at.attributes.channels_last === 1 ? moved : shape }];
  },
});

/** Back to [N, C, H, W] as everyone else stores it, or to [N, H, W, C]. */
export const BlockedReorderOutput = defineBlockedOp("ReorderOutput", {
  arity: [1, 1],
  attributes: { channels: "int", channels_last: "int?" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const [n, channels, ...spatial] = shape;
    return [{ dtype, shape: at.attributes.channels_last === 1 ? [n!, ...spatial, channels!] : shape }];
  },
});

/** `conv` on blocked tensors; see `BlockedConv`. */
export function blockedConv(
  x: Float,
  weight: Float,
  bias: Float | undefined,
  sum: Float | undefined,
  attributes: AttributesOf<typeof BlockedConv.attributes>,
): Float {
  return apply1(BlockedConv, [x, weight, bias, sum], attributes) as Float;
}

/** `maxPool` on a blocked tensor. */
export function blockedMaxPool(x: Float, attributes: PoolAttributes): Float {
  return apply1(BlockedMaxPool, [x], attributes) as Float;
}

/** `globalAveragePool` on a blocked tensor. */
export function blockedGlobalAveragePool(x: Float): Float {
  return apply1(BlockedGlobalAveragePool, [x]) as Float;
}

/** A blocked tensor in plain order. */
export function reorderOutput(x: Float): Float {
  return apply1(BlockedReorderOutput, [x], { channels: lengthOf(x, 1) }) as Float;
}

/** A plain tensor in blocked order; its channels must fill whole blocks. */
export function reorderInput(x: Float): Float {
  return apply1(BlockedReorderInput, [x]) as Float;
}

/** [N, H, W, C] in blocked order, as [N, C, H, W]; its channels must fill whole blocks. */
export function reorderInputLast(x: Float): Float {
  return apply1(BlockedReorderInput, [x], { channels_last: 1 }) as Float;
}

/** A blocked tensor as [N, H, W, C]. */
export function reorderOutputLast(x: Float): Float {
  const attributes = { channels: lengthOf(x, 1), channels_last: 1 };
  return apply1(BlockedReorderOutput, [x], attributes) as Float;
}
