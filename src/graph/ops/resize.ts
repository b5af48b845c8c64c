import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, type Op } from "../op-spec.ts";
import { literal, type Value } from "../value.ts";

export interface ResizeAttributes {
  readonly mode: "nearest" | "linear" | "cubic";
  /** 1 widens the filter when shrinking, as Pillow does. */
  readonly antialias?: 0 | 1;
  readonly coordinate_transformation_mode?: "half_pixel" | "asymmetric";
  readonly cubic_coeff_a?: number;
  /** 1 leaves taps outside the image out and renormalises, as Pillow does. */
  readonly exclude_outside?: 0 | 1;
}

export const Resize: Op<"Resize"> = defineOp({
  type: "Resize",
  arity: [4, 4],
  attributes: {
    mode: "string",
    antialias: "int",
    coordinate_transformation_mode: "string",
    cubic_coeff_a: "float",
    exclude_outside: "int",
  },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const sizes = literal(at.input(3));
    if (sizes && sizes.data.length !== shape.length) {
      at.fail(`sizes must have one entry per axis (${shape.length}), got ${sizes.data.length}`);
    }
    return [
      { dtype, shape: shape.map((dim, axis) => (sizes ? Number(sizes.data[axis]) : `resized(${dim})`)) },
    ];
  },
});

/** Resamples `x` to `sizes`, one length per axis. */
export function resize<D extends DType>(
  x: Value<D>,
  sizes: Value<"int64">,
  attributes: ResizeAttributes,
): Value<D> {
  return apply1(Resize, [x, undefined, undefined, sizes], { ...attributes }) as Value<D>;
}
