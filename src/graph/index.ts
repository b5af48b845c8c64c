export {
  constant,
  input,
  type Attributes,
  type Dim,
  type Float,
  type Node,
  type Shape,
  type Value,
  float32,
  int64,
  int64s,
} from "./value.ts";
export { currentScope, scope } from "./apply.ts";
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
  cast,
  equal,
  greater,
} from "./ops/elementwise.ts";
export { conv, type ConvAttributes } from "./ops/convolution.ts";
export {
  batchNormalization,
  type BatchNormParameters,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  softmax,
  type ReduceAttributes,
} from "./ops/reduction.ts";
export { globalAveragePool, maxPool, maxPoolIndices, type PoolAttributes } from "./ops/pooling.ts";
export { gemm, matMul, type GemmAttributes, multiplyAdds } from "./ops/linear.ts";
export {
  concat,
  flatten,
  gather,
  range,
  reshape,
  shapeOf,
  slice,
  transpose,
  scatterAdd,
  expand,
  pad,
  allButChannels,
  channelColumn,
} from "./ops/layout.ts";
export {
  dequantizeLinear,
  quantizeLinear,
  type QuantizeAttributes,
  type QuantizedType,
} from "./ops/quantize.ts";
export { ops, type OpType } from "./ops/table.ts";
export {
  convInputGrad,
  convWeightGrad,
  batchNormTraining,
  batchNormTrainingGrad,
  type BatchNormTrainingResult,
  maxPoolGrad,
  reluGrad,
  softmaxCrossEntropy,
  sgdUpdate,
  type SgdUpdateAttributes,
} from "./ops/composite.ts";
export {
  blockedConv,
  blockedGlobalAveragePool,
  blockedMaxPool,
  reorderInput,
  reorderInputLast,
  reorderOutput,
  reorderOutputLast,
} from "./ops/blocked.ts";
export { buildGraph, type Graph, rewrite, type RewriteRule, checkGraph } from "./graph.ts";
export { foldBatchNorm } from "./passes/fold-batch-norm.ts";
export { mergeGroups } from "./lower/merged-groups.ts";
export { flattenScaled, lower, type LoweringTable } from "./lower/lower.ts";
export {
  rangeGraph,
  type ActivationRange,
  type ActivationRanges,
  type RangeGraph,
  quantiseConvolutions,
  quantiseWeights,
  type QuantiseOptions,
} from "./passes/quantise-convolutions.ts";
export { printGraph } from "./print.ts";
export { encodeModel, type EncodedModel, type EncodeOptions, modelBytes } from "./onnx/encode-model.ts";
export {
  readModelInterface,
  type HeldPrecision,
  type ModelInterface,
  type ModelOutput,
  type ModelValue,
} from "./onnx/proto.ts";
export { convertToFloat16 } from "./passes/to-float16.ts";
export { gradients, vectorJacobianProduct } from "./autodiff/gradients.ts";
export { blockedTraining } from "./lower/nchwc/blocked-training.ts";
export { lowerBlocked, blockedInference } from "./lower/nchwc/lower-blocked.ts";
export type { BlockedTarget } from "./lower/nchwc/rule.ts";
export { standard } from "./lower/standard.ts";
