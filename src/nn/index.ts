export { resnetConfig, type ResNetConfig } from "./config.ts";
export { findCard, listModels, modelConfig } from "./registry.ts";
export { modelCards, type ModelCard, type TimmAccuracy, type TopAccuracy } from "./model-cards.ts";
export { resnet, taps, type Output, type Tap } from "./resnet.ts";
export { constantParameters, type Init, type ParameterScope, type ParameterSpec } from "./parameters.ts";
export { countParameters, expectedShapes, parametersOf, randomStateDict } from "./state.ts";
export { adaptWeights } from "./adapt-weights.ts";
export { detectConfig } from "./detect-config.ts";
export { inferenceGraph, type InferenceGraphOptions, type Target } from "./inference-graph.ts";
