import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineCompositeOp, type AttributeKind, type Op } from "../op-spec.ts";
import type { Attributes, Value } from "../value.ts";

const attributes: Readonly<Record<string, AttributeKind>> = {
  group: "int",
  strides: "ints",
  pads: "ints",
  dilations: "ints",
  kernel_shape: "ints",
  shape: "ints",
};

/** dX of a convolution, from dY [N, O, ...] and the weight [O, C / group, ...]; `shape` is that of X. */
export const ConvInputGrad: Op<"ConvInputGrad"> = defineCompositeOp({
  type: "ConvInputGrad",
  arity: [2, 2],
  attributes,
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.attributes["shape"] as readonly number[] }],
});

/** dW of a convolution, from X [N, C, ...] and dY [N, O, ...]; `shape` is that of W. */
export const ConvWeightGrad: Op<"ConvWeightGrad"> = defineCompositeOp({
  type: "ConvWeightGrad",
  arity: [2, 2],
  attributes,
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.attributes["shape"] as readonly number[] }],
});

/** Gradient of a convolution by its input. */
export function convInputGrad<D extends DType>(
  dy: Value<D>,
  weight: Value<D>,
  convolution: Attributes,
  shape: readonly number[],
): Value<D> {
  return apply1(ConvInputGrad, [dy, weight], { ...convolution, shape }) as Value<D>;
}

/** Gradient of a convolution by its weight. */
export function convWeightGrad<D extends DType>(
  x: Value<D>,
  dy: Value<D>,
  convolution: Attributes,
  shape: readonly number[],
): Value<D> {
  return apply1(ConvWeightGrad, [x, dy], { ...convolution, shape }) as Value<D>;
}
