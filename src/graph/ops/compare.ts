import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { broadcastShapes } from "../broadcast.ts";
import { defineOp, type Op } from "../op-spec.ts";
import { formatShape, type Value } from "../value.ts";
import { requireSameDtype } from "./operands.ts";

const comparison = <const T extends string>(type: T): Op<T> =>
  defineOp({
    type,
    arity: [2, 2],
    attributes: {},
    infer(at) {
      const [a, b] = [at.input(0), at.input(1)];
      requireSameDtype(at);
      const shape = broadcastShapes(a.shape, b.shape);
      if (!shape)
        return at.fail(`shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
      return [{ dtype: "bool", shape }];
    },
  });

export const Equal: Op<"Equal"> = comparison("Equal");
export const Greater: Op<"Greater"> = comparison("Greater");

/** Whether elements are the same. */
export function equal<D extends DType>(a: Value<D>, b: Value<D>): Value<"bool"> {
  return apply1(Equal, [a, b]) as Value<"bool">;
}

/** Whether `a` is above `b`. */
export function greater<D extends DType>(a: Value<D>, b: Value<D>): Value<"bool"> {
  return apply1(Greater, [a, b]) as Value<"bool">;
}
