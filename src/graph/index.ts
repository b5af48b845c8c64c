export { constant, input, type Attributes, type Dim, type Node, type Shape, type Value } from "./value.ts";
export { currentScope, scope } from "./scope.ts";
export * from "./ops/index.ts";
export { buildGraph, type Graph } from "./graph.ts";
export { rewrite, type RewriteRule } from "./rewrite.ts";
export { foldBatchNorm } from "./passes/fold-batch-norm.ts";
export { blockConvolutions } from "./passes/block-convolutions.ts";
export { flattenScaled } from "./passes/flatten-scaled.ts";
export { mergeGroups } from "./passes/merge-groups.ts";
export {
  rangeGraph,
  type ActivationRange,
  type ActivationRanges,
  type RangeGraph,
} from "./passes/activation-ranges.ts";
export { quantiseConvolutions, type QuantiseOptions } from "./passes/quantise-convolutions.ts";
export { checkGraph } from "./check.ts";
export { printGraph } from "./print.ts";
export { encodeModel, type EncodedModel, type EncodeOptions } from "./encode/encode-model.ts";
export { modelBytes } from "./encode/model-bytes.ts";
export { readModelInterface, type ModelInterface, type ModelValue } from "./encode/read-interface.ts";
export { convertToFloat16 } from "./passes/to-float16.ts";
export { multiplyAdds } from "./multiply-adds.ts";
export { gradients, vectorJacobianProduct } from "./autodiff/gradients.ts";
export { lower } from "./lower/lower.ts";
export { lowerBlocked } from "./lower/nchwc/index.ts";
export { standard } from "./lower/standard/index.ts";
export type { LoweringTable } from "./lower/lowering.ts";
