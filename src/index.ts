/**
 * The SSL ResNeXt models in TypeScript.
 *
 * @example
 * import { createModel } from "ssl-resnext";
 * const model = await createModel("ssl_resnext50_32x4d");
 * for (const { label, probability } of await model.classify("dog.jpg")) console.log(label, probability);
 * await model.release();
 *
 * @packageDocumentation
 */

export {
  calibrateModel,
  createModel,
  exportHuggingFace,
  exportOnnx,
  exportSafetensors,
  openImages,
  openModel,
} from "./node/library.ts";
export { explanationPng } from "./node/images/encode-image.ts";
export { trainModel } from "./node/training.ts";
export type { RecipeValues, TrainingEvent, TrainModelOptions } from "./train/index.ts";
export { applyFixes, checkImages } from "./node/check.ts";
export type { ApplyFixesOptions, CheckEvent, CheckOptions, CleanedCopy } from "./check/index.ts";
export { runSemi } from "./node/semi.ts";
export type { RunSemiOptions, SemiEvent } from "./semi/index.ts";
export {
  findCard,
  listModels,
  type ModelCard,
  type ModelConfig,
  type ModelDescription,
  type ResNetConfig,
} from "./nn/index.ts";
export type { ImageItem, ImageSource, OpenImagesOptions, Part } from "./data/index.ts";
export {
  Model,
  type CalibrateOptions,
  type Calibration,
  type CalibrationImages,
  type Classified,
  type ImageInput,
  type CreateModelOptions,
  type Embedded,
  type Explained,
  type ExportHuggingFaceOptions,
  type ExportOnnxOptions,
  type ExportOptions,
  type Failure,
  type Featured,
  type FeatureMap,
  type HeatMap,
  type HuggingFaceFolder,
  type Int8Options,
  type ModelOptions,
  type ModelSource,
  type Prediction,
  type ValidationReport,
} from "./predict/index.ts";
export {
  ClusterError,
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  SslResnextError,
  TrainingError,
  UsageError,
  WeightsError,
} from "./core/index.ts";
