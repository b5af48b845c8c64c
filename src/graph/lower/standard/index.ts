import { exp, hardSigmoid, log, mul, reduceMax, reduceSum, reshape, sub } from "../../ops/index.ts";
import type { Lowering, LoweringTable } from "../lowering.ts";
import { batchNormTraining, batchNormTrainingGrad } from "./batch-norm.ts";
import { convInputGrad, convWeightGrad } from "./conv-grad.ts";
import { maxPoolGrad } from "./max-pool-grad.ts";
import { sgdUpdate } from "./sgd-update.ts";

/** So steep that every positive float32 above 1e-38 gives 1: one pass, where comparison and cast take two. */
const reluGrad: Lowering = ([y, dy]) => [mul(dy!, hardSigmoid(y!, 1e38, 0))];

/** Σ targets · (log Σ exp(x - max) - (x - max)): the largest exponent is 0, so nothing overflows. */
const softmaxCrossEntropy: Lowering = ([logits, targets]) => {
  const shifted = sub(logits!, reduceMax(logits!, [1]));
  const logSum = log(reduceSum(exp(shifted), [1]));
  const loss = reduceSum(mul(targets!, sub(logSum, shifted)), [1]);
  return [reshape(loss, [-1])];
};

/** ONNX operators only, and only those that WebGPU and WebAssembly have as well: runs everywhere. */
export const standard: LoweringTable = {
  BatchNormTraining: batchNormTraining,
  BatchNormTrainingGrad: batchNormTrainingGrad,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPoolGrad: maxPoolGrad,
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
  SoftmaxCrossEntropy: softmaxCrossEntropy,
};
