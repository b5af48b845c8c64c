import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";

export const ScatterElements: Op<"ScatterElements"> = defineOp({
  type: "ScatterElements",
  arity: [3, 3],
  attributes: { axis: "int", reduction: "string" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    if (at.input(1).shape.join() !== at.input(2).shape.join()) at.fail("needs one index for each update");
    return [{ dtype, shape }];
  },
});

/** `x` with each update added to the element that its index names along the axis. */
export function scatterAdd<D extends DType>(
  x: Value<D>,
  indices: Value<"int64">,
  updates: Value<D>,
  axis: number,
): Value<D> {
  return apply1(ScatterElements, [x, indices, updates], { axis, reduction: "add" }) as Value<D>;
}
