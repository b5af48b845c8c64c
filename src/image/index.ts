export type { RgbImage } from "./rgb-image.ts";
export type { Interpolation } from "./resample-table.ts";
export {
  changePreprocessing,
  imagenetPreprocessing,
  parsePreprocessing,
  type Preprocessing,
} from "./preprocessing.ts";
export { resize, type Size, type Window } from "./resize.ts";
export { cropOnImage, evalCrop } from "./eval-crop.ts";
export { normalise } from "./normalise.ts";
export { greySide, type ImageFacts } from "./describe-image.ts";
export { imageFormat, type ImageFormat } from "./image-format.ts";
export {
  decodeOptionsOf,
  type DecodeChoice,
  type DecodeImage,
  type DecodeLimits,
  type DecodeOptions,
} from "./decode-image.ts";
export { augment, trainingTransform, type TrainingTransformOptions } from "./augment/training-transform.ts";
export { augmentationSchema, defaultAugmentation, type AugmentationOptions } from "./augment/options.ts";
