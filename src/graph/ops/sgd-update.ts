import type { DType } from "../../core/index.ts";
import { apply } from "../apply.ts";
import { defineCompositeOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";

/** (P, dP, m, learning rate) to (P, m) after a step of stochastic gradient descent. */
export const SgdUpdate: Op<"SgdUpdate"> = defineCompositeOp({
  type: "SgdUpdate",
  arity: [4, 4],
  attributes: { momentum: "float", weight_decay: "float", nesterov: "int" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const differs = at.inputs.slice(1, 3).some((value) => value?.shape.join() !== shape.join());
    if (differs) at.fail("the gradient and the momentum must have the parameter's shape");
    return [
      { dtype, shape },
      { dtype, shape },
    ];
  },
});

export interface SgdUpdateAttributes {
  readonly momentum: number;
  readonly weight_decay: number;
  /** 1 for Nesterov's momentum. */
  readonly nesterov: 0 | 1;
}

/**
 * One step of stochastic gradient descent for one parameter, as torch defines it.
 *
 * g = dP + λP, m = μm + g, P = P - lr · m (classical) or P - lr · (g + μm) (Nesterov)
 *
 * @param learningRate A scalar.
 * @returns The parameter and the momentum after the step.
 */
export function sgdUpdate<D extends DType>(
  parameter: Value<D>,
  gradient: Value<D>,
  momentum: Value<D>,
  learningRate: Value<D>,
  attributes: SgdUpdateAttributes,
): readonly [Value<D>, Value<D>] {
  const inputs = [parameter, gradient, momentum, learningRate];
  return apply(SgdUpdate, inputs, { ...attributes }) as unknown as readonly [Value<D>, Value<D>];
}
