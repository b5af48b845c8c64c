/**
 * The SSL ResNeXt models in TypeScript.
 *
 * @example
 * import { createModel } from "ssl-resnext";
 * const model = await createModel("ssl_resnext50_32x4d", { pretrained: true });
 * for (const { label, probability } of await model.classify("dog.jpg")) console.log(label, probability);
 * await model.release();
 *
 * @packageDocumentation
 */
export { createModel, type CreateModelOptions } from "./node/create-model.ts";
export { calibrateModel, type CalibrationImages, type Int8Options } from "./node/calibrate-model.ts";
export { openModel, type ModelOptions, type ModelSource } from "./node/open-model.ts";
export {
  exportOnnx,
  exportSafetensors,
  type ExportOnnxOptions,
  type ExportOptions,
} from "./node/export-model.ts";
export { explanationPng } from "./node/explanation-png.ts";
export {
  trainModel,
  type RecipeValues,
  type TrainingEvent,
  type TrainModelOptions,
} from "./node/trainer/index.ts";
export { runSemi, type RunSemiOptions, type SemiEvent } from "./node/semi/index.ts";
export { openImages, type OpenImagesOptions } from "./node/images/index.ts";
export {
  findCard,
  listModels,
  type ModelCard,
  type ModelDescription,
  type ResNetConfig,
} from "./nn/index.ts";
export type { ImageItem, ImageSource } from "./data/index.ts";
export { Model } from "./predict/index.ts";
export type {
  CalibrateOptions,
  Calibration,
  Classified,
  Embedded,
  Explained,
  Failure,
  Featured,
  FeatureMap,
  HeatMap,
  Prediction,
  ValidationReport,
} from "./predict/index.ts";
export {
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
