import type { DType } from "../../core/index.ts";
import { apply, apply1 } from "../apply.ts";
import { defineCompositeOp, type Value } from "../value.ts";
import { Conv, type ConvolutionAttributes } from "./convolution.ts";
import { MaxPool, type PoolAttributes } from "./pooling.ts";

/** Those of the convolution, and the shape of the gradient. */
const convGradAttributes = { ...Conv.attributes, shape: "ints" } as const;

/** dX of a convolution, from dY [N, O, ...] and the weight [O, C / group, ...]; `shape` is that of X. */
export const ConvInputGrad = defineCompositeOp({
  type: "ConvInputGrad",
  arity: [2, 2],
  attributes: convGradAttributes,
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.attributes.shape }],
});

/** dW of a convolution, from X [N, C, ...] and dY [N, O, ...]; `shape` is that of W. */
export const ConvWeightGrad = defineCompositeOp({
  type: "ConvWeightGrad",
  arity: [2, 2],
  attributes: convGradAttributes,
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.attributes.shape }],
});

/** Gradient of a convolution by its input. */
export function convInputGrad<D extends DType>(
  dy: Value<D>,
  weight: Value<D>,
  convolution: ConvolutionAttributes,
  shape: readonly number[],
): Value<D> {
  return apply1(ConvInputGrad, [dy, weight], { ...convolution, shape }) as Value<D>;
}

/** Gradient of a convolution by its weight. */
export function convWeightGrad<D extends DType>(
  x: Value<D>,
  dy: Value<D>,
  convolution: ConvolutionAttributes,
  shape: readonly number[],
): Value<D> {
  return apply1(ConvWeightGrad, [x, dy], { ...convolution, shape }) as Value<D>;
}

/** (y, dY) to dX, where y is what Relu gave. */
export const ReluGrad = defineCompositeOp({
  type: "ReluGrad",
  arity: [2, 2],
  attributes: {},
  infer: (at) => [{ dtype: at.input(1).dtype, shape: at.input(1).shape }],
});

/** (x, y, dY) to dX of a max-pool; the first largest element of each window takes the gradient. */
export const MaxPoolGrad = defineCompositeOp({
  type: "MaxPoolGrad",
  arity: [3, 3],
  attributes: MaxPool.attributes,
  infer: (at) => [{ dtype: at.input(0).dtype, shape: at.input(0).shape }],
});

/** Gradient of `relu` by its input. */
export function reluGrad<D extends DType>(y: Value<D>, dy: Value<D>): Value<D> {
  return apply1(ReluGrad, [y, dy]) as Value<D>;
}

/** Gradient of `maxPool` by its input, from what it read and gave. */
export function maxPoolGrad<D extends DType>(
  x: Value<D>,
  y: Value<D>,
  dy: Value<D>,
  pool: PoolAttributes,
): Value<D> {
  return apply1(MaxPoolGrad, [x, y, dy], pool) as Value<D>;
}

/** (x, weight, bias) to (y, mean, biased variance) over the batch. */
export const BatchNormTraining = defineCompositeOp({
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
export const BatchNormTrainingGrad = defineCompositeOp({
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

/** (logits, targets), both [N, classes], to the losses [N]: -sum(targets · log softmax(logits)). */
export const SoftmaxCrossEntropy = defineCompositeOp({
  type: "SoftmaxCrossEntropy",
  arity: [2, 2],
  attributes: {},
  infer(at) {
    const [logits, targets] = [at.input(0), at.input(1)];
    if (logits.shape.length !== 2 || logits.shape.join() !== targets.shape.join()) {
      at.fail("logits and targets must both be [N, classes]");
    }
    return [{ dtype: logits.dtype, shape: [logits.shape[0]!] }];
  },
});

/**
 * Cross-entropy of each image with soft targets: one-hot, smoothed or mixed.
 *
 * @returns Losses [N]
 */
export function softmaxCrossEntropy<D extends DType>(logits: Value<D>, targets: Value<D>): Value<D> {
  return apply1(SoftmaxCrossEntropy, [logits, targets]) as Value<D>;
}

/** (P, dP, m, learning rate) to (P, m) after a step of stochastic gradient descent. */
export const SgdUpdate = defineCompositeOp({
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
  const [next, moved] = apply(SgdUpdate, inputs, attributes) as readonly Value<D>[];
  return [next!, moved!];
}
