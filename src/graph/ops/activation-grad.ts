import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineCompositeOp, type Op } from "../op-spec.ts";
import type { Attributes, Value } from "../value.ts";

/** (y, dY) to dX, where y is what Relu gave. */
export const ReluGrad: Op<"ReluGrad"> = defineCompositeOp({
  type: "ReluGrad",
  arity: [2, 2],
  attributes: {},
  infer: (at) => [{ dtype: at.input(1).dtype, shape: at.input(1).shape }],
});

/** (x, y, dY) to dX of a max-pool; the first largest element of each window takes the gradient. */
export const MaxPoolGrad: Op<"MaxPoolGrad"> = defineCompositeOp({
  type: "MaxPoolGrad",
  arity: [3, 3],
  attributes: { kernel_shape: "ints", strides: "ints", pads: "ints" },
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.input(0).shape }],
});

/** Gradient of `relu` by its input. */
export function reluGrad<D extends DType>(y: Value<D>, dy: Value<D>): Value<D> {
  return apply1(ReluGrad, [y, dy]) as Value<D>;
}

/** Gradient of `maxPool` by its input, from what it read and gave. */
export function maxPoolGrad<D extends DType>(
  x: Value<D>,
  y: Value<D>,
  dy: Value<D>,
  pool: Attributes,
): Value<D> {
  return apply1(MaxPoolGrad, [x, y, dy], pool) as Value<D>;
}
