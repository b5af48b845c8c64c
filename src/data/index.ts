export {
  type ImageContent,
  type ImageItem,
  type ImageSource,
  type Part,
  type RowsWithoutImage,
  type SplitNames,
  concatSources,
  splitsText,
} from "./image-source.ts";
export {
  copyKind,
  countClasses,
  imageSets,
  type CheckedData,
  type ClassCount,
  type ImageSet,
  type NamedSet,
  type SetImage,
} from "./image-sets.ts";
export {
  classProblems,
  labelProblems,
  problemsFact,
  quickProblems,
  type DataProblem,
} from "./quick-check.ts";
export { addLeftOut, leftOutText, type LeftOutFiles } from "./left-out.ts";
export { compareNaturally, sortNaturally } from "./natural-order.ts";
export { imageExtensions, isHiddenName, isImagePath, pathKind, type PathKind } from "./input-kind.ts";
export { labelledByTable, openImages, pathsOfInputs } from "./sources/open-images.ts";
export {
  type Gunzip,
  type ImagePlatform,
  type OpenImagesOptions,
  parquetImages,
} from "./sources/image-sources.ts";
export { noneLabel } from "./sources/class-folders.ts";
export { contentReader, readContent, type ContentReader } from "./sources/content-reader.ts";
export type { ParquetImagesOptions } from "./parquet-images.ts";
export { linesOf, mapClasses, type MappedLabels, type ModelClasses } from "./class-mapping.ts";
export {
  parseRealLabels,
  type RealLabels,
  imagenetClass,
  imagenetClasses,
  type ImagenetClass,
  imagenetSubset,
  type ImagenetSubset,
} from "./imagenet/classes.ts";
export {
  defaultMixing,
  mixingFields,
  mixingSchema,
  type MixingOptions,
  mixBatch,
  writeTarget,
  type MixableBatch,
} from "./mixing.ts";
export { epochOrder, type EpochOrderOptions, type Sampler } from "./loader/epoch-order.ts";
export {
  splitHoldout,
  stratifiedFolds,
  type Holdout,
  holdOut,
  sampleImages,
  type HeldOutSources,
} from "./loader/hold-out.ts";
export {
  checkLoaderOptions,
  type BatchArrays,
  type EpochOptions,
  type SkippedImage,
  type TrainingBatch,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "./loader/training-loader.ts";
export {
  indexedImage,
  indexImages,
  type ImageIndex,
  type IndexedImage,
  type IndexedImages,
  type KeepBytes,
} from "./loader/image-index.ts";
export {
  emptyClasses,
  trainingLabels,
  usableImages,
  withoutLabels,
  type KnownClasses,
  type TrainingLabels,
} from "./loader/training-labels.ts";
