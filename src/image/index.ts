export type { RgbImage } from "./rgb-image.ts";
export type { Interpolation } from "./interpolation.ts";
export { imagenetPreprocessing, parsePreprocessing, type Preprocessing } from "./preprocessing.ts";
export { resize, type Size, type Window } from "./resize.ts";
export { cropOnImage } from "./crop-geometry.ts";
export { evalCrop } from "./eval-crop.ts";
export { normalise } from "./normalise.ts";
export { imageFormat, type ImageFormat } from "./image-format.ts";
export type { DecodeImage, DecodeOptions } from "./decode-image.ts";
export {
  augment,
  augmentationSchema,
  defaultAugmentation,
  trainingTransform,
  type AugmentationOptions,
  type TrainingTransformOptions,
} from "./augment/index.ts";
