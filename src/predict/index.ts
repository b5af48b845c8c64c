export { classNames } from "./class-names.ts";
export {
  Model,
  type ClassifyOptions,
  type ImageInput,
  type OpenedPipeline,
  type OpenPipeline,
  type RunOptions,
} from "./model.ts";
export type { Classified, Embedded, Failure, Featured, FeatureMap, Prediction } from "./results.ts";
export type { ValidatedImage, ValidateOptions, ValidationReport } from "./validate.ts";
export * from "./metrics/index.ts";
