export {
  classNames,
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
  type ImageInput,
  type OpenedPipeline,
  type OpenPipeline,
} from "./model.ts";
export { calibrate, defaultCalibrationImages, type CalibrateOptions, type Calibration } from "./calibrate.ts";
export type { ValidatedImage, ValidateOptions, ValidationReport } from "./validate.ts";
export { overlayHeat, type Explained, type ExplainOptions, type HeatMap } from "./explain.ts";
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
  topk,
  type Ranked,
} from "./metrics.ts";
export {
  confusionMatrix,
  countPrediction,
  worstConfusions,
  type Confusion,
  type ConfusionMatrix,
  perClass,
  type ClassReport,
} from "./confusion-matrix.ts";
