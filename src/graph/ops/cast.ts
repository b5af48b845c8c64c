import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { onnxType } from "../onnx-type.ts";
import { defineOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";

export const Cast: Op<"Cast"> = defineOp({
  type: "Cast",
  arity: [1, 1],
  attributes: { to: "int" },
  infer(at) {
    const dtype = Object.entries(onnxType).find(([, code]) => code === at.attributes["to"])?.[0];
    if (dtype === undefined)
      at.fail(`"to" must be the number of an ONNX type, got ${String(at.attributes["to"])}`);
    return [{ dtype: dtype as DType, shape: at.input(0).shape }];
  },
});

/** The same values in another dtype; floats are cut towards zero on the way to integers. */
export function cast<D extends DType>(x: Value, dtype: D): Value<D> {
  return apply1(Cast, [x], { to: onnxType[dtype] }) as Value<D>;
}
