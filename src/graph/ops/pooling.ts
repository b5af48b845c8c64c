import type { DType } from "../../core/index.ts";
import { apply, apply1 } from "../apply.ts";
import { defineOp, type Value } from "../value.ts";
import { windowedDims, windowOf } from "./convolution.ts";

export interface PoolAttributes {
  readonly kernel_shape: readonly number[];
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
}

export const MaxPool = defineOp({
  type: "MaxPool",
  arity: [1, 1],
  attributes: { kernel_shape: "ints", strides: "ints?", pads: "ints?" },
  infer(at) {
    const x = at.input(0);
    const { kernel_shape: kernel } = at.attributes;
    if (kernel.length !== x.shape.length - 2) at.fail("kernel_shape must have one entry per spatial axis");
    const [n, channels, ...spatial] = x.shape;
    return [
      {
        dtype: x.dtype,
        shape: [n!, channels!, ...windowedDims(at, spatial, windowOf(at, kernel, at.attributes))],
      },
    ];
  },
});

/** MaxPool that also says where in the whole input each largest element stands. */
export const MaxPoolWithIndices = defineOp({
  type: "MaxPoolWithIndices",
  onnxName: "MaxPool",
  arity: MaxPool.arity,
  attributes: MaxPool.attributes,
  infer(at) {
    const [pooled] = MaxPool.infer(at);
    return [pooled!, { dtype: "int64", shape: pooled!.shape }];
  },
});

export const GlobalAveragePool = defineOp({
  type: "GlobalAveragePool",
  arity: [1, 1],
  attributes: {},
  infer(at) {
    const { dtype, shape } = at.input(0);
    if (shape.length < 3) at.fail("input must be [N, C, ...]");
    return [{ dtype, shape: shape.map((dim, axis) => (axis < 2 ? dim : 1)) }];
  },
});

/** Largest element of each window of `x` [N, C, ...]; padding never wins. */
export function maxPool<D extends DType>(x: Value<D>, attributes: PoolAttributes): Value<D> {
  return apply1(MaxPool, [x], attributes) as Value<D>;
}

/** Where each window's first largest element stands in the flattened `x` [N, C, ...]. */
export function maxPoolIndices(x: Value, attributes: PoolAttributes): Value<"int64"> {
  return apply(MaxPoolWithIndices, [x], attributes)[1] as Value<"int64">;
}

/** Mean over the spatial axes of `x` [N, C, ...]: [N, C, 1, ...]. */
export function globalAveragePool<D extends DType>(x: Value<D>): Value<D> {
  return apply1(GlobalAveragePool, [x]) as Value<D>;
}
