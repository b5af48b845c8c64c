import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";
import { requireSameDtype } from "./operands.ts";

export const BatchNormalization: Op<"BatchNormalization"> = defineOp({
  type: "BatchNormalization",
  arity: [5, 5],
  attributes: { epsilon: "float" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    requireSameDtype(at);
    for (const [index, name] of ["scale", "bias", "running mean", "running variance"].entries()) {
      const parameter = at.input(index + 1);
      if (parameter.shape.length !== 1 || parameter.shape[0] !== shape[1]) {
        at.fail(`${name} must have shape [${shape[1]}]`);
      }
    }
    return [{ dtype, shape }];
  },
});

export interface BatchNormParameters<D extends DType> {
  readonly weight: Value<D>;
  readonly bias: Value<D>;
  readonly runningMean: Value<D>;
  readonly runningVar: Value<D>;
}

/**
 * Batch normalisation of `x` [N, C, ...] with stored statistics:
 * `weight * (x - runningMean) / sqrt(runningVar + epsilon) + bias` for every channel.
 */
export function batchNormalization<D extends DType>(
  x: Value<D>,
  { weight, bias, runningMean, runningVar }: BatchNormParameters<D>,
  epsilon: number,
): Value<D> {
  return apply1(BatchNormalization, [x, weight, bias, runningMean, runningVar], { epsilon }) as Value<D>;
}
