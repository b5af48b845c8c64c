export { classNames } from "./class-names.ts";
export {
  Model,
  type ClassifyOptions,
  type Computation,
  type ImageInput,
  type OpenedPipeline,
  type OpenPipeline,
  type RunOptions,
} from "./model.ts";
export { calibrate, defaultCalibrationImages, type CalibrateOptions, type Calibration } from "./calibrate.ts";
export type { Classified, Embedded, Failure, Featured, FeatureMap, Prediction } from "./results.ts";
export type { ValidatedImage, ValidateOptions, ValidationReport } from "./validate.ts";
export { classesOf } from "./class-names.ts";
export { overlayHeat, type Explained, type ExplainOptions, type HeatMap } from "./explain/index.ts";
export * from "./metrics/index.ts";
