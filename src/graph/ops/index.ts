export {
  add,
  clip,
  div,
  exp,
  floor,
  hardSigmoid,
  log,
  mul,
  neg,
  relu,
  round,
  sqrt,
  sub,
} from "./elementwise.ts";
export { conv, type ConvAttributes } from "./conv.ts";
export { batchNormalization, type BatchNormParameters } from "./normalization.ts";
export { globalAveragePool, maxPool, maxPoolIndices, type PoolAttributes } from "./pool.ts";
export { gemm, matMul, type GemmAttributes } from "./linear.ts";
export { concat, flatten, gather, reshape, shapeOf, slice, transpose } from "./layout.ts";
export { reduceMax, reduceMean, reduceMin, reduceSum, softmax, type ReduceAttributes } from "./reduce.ts";
export { dequantizeLinear, quantizeLinear, type QuantizeAttributes, type QuantizedType } from "./quantize.ts";
export { scatterAdd } from "./scatter.ts";
export { cast } from "./cast.ts";
export { resize, type ResizeAttributes } from "./resize.ts";
export { float32, int64, int64s } from "./literals.ts";
export { ops, type OpType } from "./table.ts";
export { equal, greater } from "./compare.ts";
export { expand, pad } from "./pad.ts";
export { convInputGrad, convWeightGrad } from "./conv-grad.ts";
export {
  batchNormTraining,
  batchNormTrainingGrad,
  type BatchNormTrainingResult,
} from "./batch-norm-training.ts";
export { maxPoolGrad, reluGrad } from "./activation-grad.ts";
export { softmaxCrossEntropy } from "./cross-entropy.ts";
export { sgdUpdate, type SgdUpdateAttributes } from "./sgd-update.ts";
export {
  blockedConv,
  blockedGlobalAveragePool,
  blockedMaxPool,
  reorderInput,
  reorderInputLast,
  reorderOutput,
  reorderOutputLast,
} from "./blocked.ts";
export { allButChannels, channelColumn } from "./channels.ts";
