/**
 * The SSL ResNeXt models in the browser: what bundlers take for `ssl-resnext`.
 *
 * @example
 * import { createModel } from "ssl-resnext";
 * const model = await createModel("ssl_resnext17_cifar10");
 * input.onchange = async () => console.log(await model.classify(input.files[0]));
 *
 * @packageDocumentation
 */

export {
  calibrateModel,
  createModel,
  exportOnnx,
  exportSafetensors,
  modelOf,
  openImages,
  openModel,
  type PageCreateModelOptions as CreateModelOptions,
  type PageModelOptions as ModelOptions,
} from "./library.ts";
export {
  trainHead,
  trainModel,
  type PageFolder,
  type PageTrainModelOptions as TrainModelOptions,
} from "./training.ts";
export type { RecipeValues, TrainingEvent } from "../train/index.ts";
export type { PageImage, PageImages } from "./images/page-images.ts";
export {
  findCard,
  listModels,
  type ModelCard,
  type ModelDescription,
  type ResNetConfig,
} from "../nn/index.ts";
export type { ImageItem, ImageSource, OpenImagesOptions } from "../data/index.ts";
export {
  Model,
  type CalibrateOptions,
  type Calibration,
  type Classified,
  type Embedded,
  type Explained,
  type ExportOnnxOptions,
  type ExportOptions,
  type Failure,
  type Featured,
  type FeatureMap,
  type HeatMap,
  type Int8Options,
  type ModelSource,
  type Prediction,
  type ValidationReport,
} from "../predict/index.ts";
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
} from "../core/index.ts";
