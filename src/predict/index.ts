export {
  classNames,
  type Answer,
  type AnswerOptions,
  type Classified,
  type Embedded,
  type Failure,
  type Featured,
  type FeatureMap,
  type Prediction,
  type Computation,
  type RunOptions,
  classesOf,
} from "./results.ts";
export {
  Model,
  type ClassifyOptions,
  type EmbedOptions,
  type ImageInput,
  type OpenedPipeline,
  type OpenPipeline,
} from "./model.ts";
export {
  calibrate,
  defaultCalibrationImages,
  type CalibrateOptions,
  type Calibration,
  calibrateModel,
  type CalibrationImages,
  type Int8Options,
} from "./int8/calibrate.ts";
export { createModel, modelOf, requireInt8Kernels, type CreateModelOptions } from "./create-model.ts";
export {
  exportHuggingFace,
  type ExportHuggingFaceOptions,
  type HuggingFaceFolder,
} from "./huggingface/export-huggingface.ts";
export { exportOnnx, exportSafetensors, type ExportOnnxOptions, type ExportOptions } from "./export-model.ts";
export {
  isOnnxPath,
  isWeightsPath,
  openModel,
  type ModelOptions,
  type ModelSource,
  type WeightsNotice,
  type ModelPlatform,
  startProvenance,
} from "./open-model.ts";
export {
  compileModel,
  openSession,
  type ExecutionOptions,
  createImagePipeline,
  embeddingEngine,
  type ImagePipelineOptions,
} from "./pipeline/image-pipeline.ts";
export { engineSubject, enginesFor, type EngineChoice } from "./pipeline/choose-engine.ts";
export type { ValidatedImage, ValidateOptions, ValidationReport } from "./validate.ts";
export { overlayHeat, type Explained, type ExplainOptions, type HeatMap } from "./explain.ts";
export {
  answerSample,
  fitConfidence,
  type ConfidenceFit,
  type JudgedAnswer,
  type Reliability,
  type ReliabilityBin,
} from "./metrics/confidence.ts";
export {
  accuracyMeter,
  bestRankOf,
  type Accuracy,
  type AccuracyMeter,
  parseClassSubset,
  restrictToSubset,
  type ClassSubset,
  crossEntropy,
  softmax,
  rankOf,
  tellsTop5,
  topk,
  type Ranked,
  confusionMatrix,
  countPrediction,
  worstConfusions,
  type Confusion,
  type ConfusionMatrix,
  perClass,
  type ClassReport,
} from "./metrics/metrics.ts";
