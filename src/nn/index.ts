export { resnetConfig, type ResNetConfig } from "./config.ts";
export { findCard, hasWeights, listModels, modelConfig } from "./registry.ts";
export { modelCards, type ModelCard, type TimmAccuracy, type TopAccuracy } from "./model-cards.ts";
export { releaseCard } from "./release-card.ts";
export { embeddedModel } from "./embedded-model.ts";
export {
  provenanceOfAccuracy,
  statedAccuracy,
  withoutAccuracy,
  type StatedAccuracy,
} from "./stated-accuracy.ts";
export { embeddingLength } from "./embedding-length.ts";
export { resnet, taps, type Output, type Tap } from "./resnet.ts";
export { evaluation, inference, type Forward } from "./forward.ts";
export { constantParameters, type Init, type ParameterScope, type ParameterSpec } from "./parameters.ts";
export { countParameters, expectedShapes, parametersOf, randomStateDict } from "./state.ts";
export { layerTable, type Layer } from "./layer-table.ts";
export { adaptWeights } from "./adapt-weights.ts";
export { defaultPreprocessing } from "./default-preprocessing.ts";
export { detectConfig } from "./detect-config.ts";
export {
  activationRangeGraph,
  inferenceGraph,
  type InferenceGraphOptions,
  type InferenceOutput,
  type Quantisation,
} from "./inference-graph.ts";
export { explanationGraph, type ExplanationGraphOptions } from "./explanation-graph.ts";
export { decodeDescription, encodeDescription, type ModelDescription } from "./model-description.ts";
