import type { DType } from "../../core/index.ts";
import { apply } from "../apply.ts";
import { defineCompositeOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";

/** (x, weight, bias) to (y, mean, biased variance) over the batch. */
export const BatchNormTraining: Op<"BatchNormTraining"> = defineCompositeOp({
  type: "BatchNormTraining",
  arity: [3, 3],
  attributes: { epsilon: "float" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const channels = { dtype, shape: [shape[1]!] };
    return [{ dtype, shape }, channels, channels];
  },
});

/** (x, dY, weight, mean, variance) to (dX, dWeight, dBias). */
export const BatchNormTrainingGrad: Op<"BatchNormTrainingGrad"> = defineCompositeOp({
  type: "BatchNormTrainingGrad",
  arity: [5, 5],
  attributes: { epsilon: "float" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const channels = { dtype, shape: [shape[1]!] };
    return [{ dtype, shape }, channels, channels];
  },
});

export interface BatchNormTrainingResult<D extends DType> {
  readonly y: Value<D>;
  /** Mean of the batch, [C]. */
  readonly mean: Value<D>;
  /** Biased variance of the batch, [C]: torch normalises with it, and tracks the unbiased one. */
  readonly variance: Value<D>;
}

/** Batch normalisation of `x` [N, C, ...] by the statistics of the batch itself. */
export function batchNormTraining<D extends DType>(
  x: Value<D>,
  weight: Value<D>,
  bias: Value<D>,
  epsilon: number,
): BatchNormTrainingResult<D> {
  const [y, mean, variance] = apply(BatchNormTraining, [x, weight, bias], { epsilon }) as Value<D>[];
  return { y: y!, mean: mean!, variance: variance! };
}

/** Gradients of `batchNormTraining` by its input, weight and bias. */
export function batchNormTrainingGrad<D extends DType>(
  x: Value<D>,
  dy: Value<D>,
  weight: Value<D>,
  { mean, variance }: Pick<BatchNormTrainingResult<D>, "mean" | "variance">,
  epsilon: number,
): readonly Value<D>[] {
  return apply(BatchNormTrainingGrad, [x, dy, weight, mean, variance], { epsilon }) as readonly Value<D>[];
}
