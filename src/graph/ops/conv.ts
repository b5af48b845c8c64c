import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";
import { requireSameDtype } from "./operands.ts";
import { windowedDims, windowOf } from "./window.ts";

export interface ConvAttributes {
  readonly group?: number;
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
}

export const Conv: Op<"Conv"> = defineOp({
  type: "Conv",
  arity: [2, 3],
  attributes: { group: "int", strides: "ints", pads: "ints", dilations: "ints", kernel_shape: "ints" },
  infer(at) {
    const [x, w, b] = [at.input(0), at.input(1), at.optional(2)];
    requireSameDtype(at);
    if (x.shape.length < 3 || w.shape.length !== x.shape.length) {
      at.fail(`input and weight must have the same rank of at least 3`);
    }
    const [n, channels, ...spatial] = x.shape as readonly [number, number, ...number[]];
    const [out, perGroup, ...kernel] = w.shape as readonly [number, number, ...number[]];
    const group = (at.attributes["group"] as number | undefined) ?? 1;
    if (channels % group !== 0) {
      at.fail(
        `groups (${group}) must divide the input channels (${channels}); check cardinality and base width`,
      );
    }
    if (out % group !== 0) at.fail(`groups (${group}) must divide the output channels (${out})`);
    if (perGroup * group !== channels) {
      at.fail(`weight expects ${perGroup} x ${group} input channels, the input has ${channels}`);
    }
    if (b && (b.shape.length !== 1 || b.shape[0] !== out)) at.fail(`bias must have shape [${out}]`);
    return [{ dtype: x.dtype, shape: [n, out, ...windowedDims(at, spatial, windowOf(at, kernel))] }];
  },
});

/**
 * Convolution of `x` [N, C, ...] with `weight` [O, C / group, ...] and an optional bias [O].
 *
 * @throws GraphError when channels, groups and the bias do not fit together.
 */
export function conv<D extends DType>(
  x: Value<D>,
  weight: Value<D>,
  bias?: Value<D>,
  attributes: ConvAttributes = {},
): Value<D> {
  return apply1(Conv, [x, weight, bias], {
    ...attributes,
    kernel_shape: weight.shape.slice(2) as number[],
  }) as Value<D>;
}
