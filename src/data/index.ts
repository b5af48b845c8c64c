export type { ImageContent, ImageItem, ImageSource } from "./image-source.ts";
export { concatSources } from "./concat-sources.ts";
export { compareNaturally, sortNaturally } from "./natural-order.ts";
export { imageExtensions, isHiddenName, isImagePath, pathKind, type PathKind } from "./path-kind.ts";
export { sniffLength, sniffStream, type StreamKind } from "./sniff.ts";
export { tarImages, tarStreamImages, type TarImagesOptions } from "./tar/tar-images.ts";
export { classCollector, type ClassCollector } from "./tar/class-collector.ts";
export { parquetImages, type ParquetImagesOptions } from "./parquet/parquet-images.ts";
export { mapClasses, type ModelClasses } from "./class-mapping.ts";
export { parseRealLabels, type RealLabels } from "./real-labels.ts";
export { imagenetClass, imagenetClasses, type ImagenetClass } from "./imagenet/classes.ts";
export { imagenetSubset, type ImagenetSubset } from "./imagenet/subsets.ts";
export {
  defaultMixing,
  mixBatch,
  mixingFields,
  mixingSchema,
  writeTarget,
  type MixableBatch,
  type MixingOptions,
} from "./mixing/index.ts";
export {
  epochOrder,
  splitHoldout,
  type EpochOrderOptions,
  type Holdout,
  type Sampler,
} from "./samplers/index.ts";
export {
  checkLoaderOptions,
  holdOut,
  indexedImage,
  indexImages,
  emptyClasses,
  noLabel,
  trainingLabels,
  type BatchArrays,
  type EpochOptions,
  type HeldOutSources,
  type ImageIndex,
  type IndexedImage,
  type IndexedImages,
  type KeepBytes,
  type KnownClasses,
  type SkippedImage,
  type TrainingBatch,
  type TrainingLabels,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "./training/index.ts";
