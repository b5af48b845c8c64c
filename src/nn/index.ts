export type { CommonConfig, ModelFamily, NetworkOutputs, Stage } from "./family.ts";
export { family, type ModelConfig, type Output, type Tap } from "./families/index.ts";
export { resnetConfig, type ResNetConfig } from "./families/resnet-config.ts";
export { linear } from "./layers.ts";
export {
  adaptWeights,
  countParameters,
  expectedShapes,
  parametersOf,
  randomStateDict,
  randomTensors,
} from "./state.ts";
export { networkWeights, type NetworkWeights } from "./network-weights.ts";
export { findCard, hasWeights, listModels, modelConfig, timmName, weightsEnding } from "./registry.ts";
export { unsupported } from "./unsupported.ts";
export {
  modelCards,
  type ModelCard,
  type TimmAccuracy,
  type TopAccuracy,
  releaseCard,
  embeddedModel,
} from "./model-cards.ts";
export {
  provenanceOfAccuracy,
  provenanceOfCrossValidation,
  provenanceOfStart,
  provenanceOfValidation,
  statedAccuracy,
  withoutAccuracy,
  type StatedAccuracy,
} from "./provenance.ts";
export {
  decodeDescription,
  descriptionKey,
  encodeDescription,
  hashedConfig,
  isGraphConfig,
  type Confidence,
  type GraphConfig,
  type ModelDescription,
  type NetworkDescription,
} from "./model-description.ts";
export {
  evaluation,
  inference,
  type Forward,
  constantParameters,
  type Init,
  type ParameterScope,
  type ParameterSpec,
} from "./forward.ts";
export { layerTable, type Layer } from "./layer-table.ts";
export {
  activationRangeGraph,
  calibrationGraph,
  forPrecision,
  inferenceGraph,
  type InferenceGraphOptions,
  type InferenceOutput,
  noClassifier,
  type Quantisation,
} from "./graphs/inference-graph.ts";
export { explanationGraph, type ExplanationGraphOptions } from "./graphs/explanation-graph.ts";
