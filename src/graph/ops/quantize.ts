import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, formatShape, type Application, type Value } from "../value.ts";
import { normalAxis } from "./operands.ts";

/** Types that stand for real numbers by a scale and a zero point. */
export type QuantizedType = "uint8" | "int8" | "int32";

/** A scale for the whole tensor, or one for each entry of an axis. */
export interface QuantizeAttributes {
  /** Axis that the scales belong to, where there are several. @default 1 */
  readonly axis?: number;
}

export const QuantizeLinear = defineOp({
  type: "QuantizeLinear",
  arity: [2, 3],
  attributes: { axis: "int?" },
  infer(at) {
    const x = at.input(0);
    requireScale(at);
    const dtype = at.optional(2)?.dtype ?? "uint8";
    if (dtype !== "uint8" && dtype !== "int8") at.fail(`the zero point must be uint8 or int8, got ${dtype}`);
    return [{ dtype, shape: x.shape }];
  },
});

export const DequantizeLinear = defineOp({
  type: "DequantizeLinear",
  arity: [2, 3],
  attributes: { axis: "int?" },
  infer(at) {
    const [x, scale, zeroPoint] = [at.input(0), at.input(1), at.optional(2)];
    requireScale(at);
    if (!quantizedTypes.has(x.dtype)) at.fail(`the input must be uint8, int8 or int32, got ${x.dtype}`);
    if (zeroPoint && zeroPoint.dtype !== x.dtype)
      at.fail(`the zero point must be ${x.dtype} as the input is`);
    return [{ dtype: scale.dtype, shape: x.shape }];
  },
});

const quantizedTypes: ReadonlySet<DType> = new Set<QuantizedType>(["uint8", "int8", "int32"]);

/** Objects unless scale and zero point are scalars, or vectors as long as the axis. */
function requireScale(at: Application<{ readonly axis?: number }>): void {
  const { shape } = at.input(0);
  const scale = at.input(1);
  const zeroPoint = at.optional(2);
  if (scale.dtype !== "float32") at.fail(`the scale must be float32, got ${scale.dtype}`);
  if (zeroPoint && formatShape(zeroPoint.shape) !== formatShape(scale.shape)) {
    at.fail(
      `the zero point must have the scale's shape ${formatShape(scale.shape)}, got ${formatShape(zeroPoint.shape)}`,
    );
  }
  if (scale.shape.length === 0) return;
  const axis = normalAxis(at, at.attributes.axis ?? 1, shape.length);
  if (scale.shape.length > 1 || scale.shape[0] !== shape[axis]) {
    at.fail(`the scale must be a scalar or have shape [${shape[axis]}], got ${formatShape(scale.shape)}`);
  }
}

/** `clamp(round(x / scale) + zeroPoint)`, halves to even, in the zero point's type. */
export function quantizeLinear<D extends "uint8" | "int8">(
  x: Value<"float32">,
  scale: Value<"float32">,
  zeroPoint: Value<D>,
  attributes: QuantizeAttributes = {},
): Value<D> {
  return apply1(QuantizeLinear, [x, scale, zeroPoint], attributes) as Value<D>;
}

/** `(x - zeroPoint) * scale`; without a zero point it is 0. */
export function dequantizeLinear<D extends QuantizedType>(
  x: Value<D>,
  scale: Value<"float32">,
  zeroPoint?: Value<D>,
  attributes: QuantizeAttributes = {},
): Value<"float32"> {
  return apply1(DequantizeLinear, [x, scale, zeroPoint], attributes) as Value<"float32">;
}
