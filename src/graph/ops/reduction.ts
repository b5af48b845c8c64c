import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, int64s, literal, type Application, type Value, type ValueType } from "../value.ts";
import { normalAxis, requireSameDtype } from "./operands.ts";

function inferReduction(at: Application<{ readonly keepdims?: number }>): readonly ValueType[] {
  const { dtype, shape } = at.input(0);
  const axes = literal(at.input(1)) ?? at.fail("the axes must be a constant");
  const reduced = new Set(
    Array.from(axes.data as BigInt64Array, (axis) => normalAxis(at, Number(axis), shape.length)),
  );
  const kept = at.attributes.keepdims !== 0;
  return [{ dtype, shape: shape.flatMap((dim, axis) => (reduced.has(axis) ? (kept ? [1] : []) : [dim])) }];
}

const reduction = <const T extends string>(type: T) =>
  defineOp({ type, arity: [2, 2], attributes: { keepdims: "int?" }, infer: inferReduction });

export const ReduceMean = reduction("ReduceMean");
export const ReduceSum = reduction("ReduceSum");
export const ReduceMin = reduction("ReduceMin");
export const ReduceMax = reduction("ReduceMax");

export const Softmax = defineOp({
  type: "Softmax",
  arity: [1, 1],
  attributes: { axis: "int?" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    normalAxis(at, at.attributes.axis ?? -1, shape.length);
    return [{ dtype, shape }];
  },
});

export interface ReduceAttributes {
  /** @default 1 */
  readonly keepdims?: 0 | 1;
}

/** Mean over the given axes. */
export function reduceMean<D extends DType>(
  x: Value<D>,
  axes: readonly number[],
  attributes: ReduceAttributes = {},
): Value<D> {
  return apply1(ReduceMean, [x, int64s(axes)], attributes) as Value<D>;
}

/** Sum over the given axes. */
export function reduceSum<D extends DType>(
  x: Value<D>,
  axes: readonly number[],
  attributes: ReduceAttributes = {},
): Value<D> {
  return apply1(ReduceSum, [x, int64s(axes)], attributes) as Value<D>;
}

/** Smallest element over the given axes. */
export function reduceMin<D extends DType>(
  x: Value<D>,
  axes: readonly number[],
  attributes: ReduceAttributes = {},
): Value<D> {
  return apply1(ReduceMin, [x, int64s(axes)], attributes) as Value<D>;
}

/** Largest element over the given axes. */
export function reduceMax<D extends DType>(
  x: Value<D>,
  axes: readonly number[],
  attributes: ReduceAttributes = {},
): Value<D> {
  return apply1(ReduceMax, [x, int64s(axes)], attributes) as Value<D>;
}

/** `exp(x) / sum(exp(x))` along an axis. */
export function softmax<D extends DType>(x: Value<D>, axis = -1): Value<D> {
  return apply1(Softmax, [x], { axis }) as Value<D>;
}

export const BatchNormalization = defineOp({
  type: "BatchNormalization",
  arity: [5, 5],
  attributes: { epsilon: "float" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    requireSameDtype(at);
    for (const [index, name] of ["scale", "bias", "running mean", "running variance"].entries()) {
      const parameter = at.input(index + 1);
      if (parameter.shape.length !== 1 || parameter.shape[0] !== shape[1]) {
        at.fail(`${name} must have shape [${shape[1]}]`);
      }
    }
    return [{ dtype, shape }];
  },
});

export interface BatchNormParameters<D extends DType> {
  readonly weight: Value<D>;
  readonly bias: Value<D>;
  readonly runningMean: Value<D>;
  readonly runningVar: Value<D>;
}

/**
 * Batch normalisation of `x` [N, C, ...] with stored statistics:
 * `weight * (x - runningMean) / sqrt(runningVar + epsilon) + bias` for every channel.
 */
export function batchNormalization<D extends DType>(
  x: Value<D>,
  { weight, bias, runningMean, runningVar }: BatchNormParameters<D>,
  epsilon: number,
): Value<D> {
  return apply1(BatchNormalization, [x, weight, bias, runningMean, runningVar], { epsilon }) as Value<D>;
}
