export type { BatchArrays, TrainingBatch, SkippedImage } from "./training-batch.ts";
export type { TrainingLoader, EpochOptions } from "./training-loader.ts";
export { indexImages, type IndexedImages, type KeepBytes } from "./index-images.ts";
export { indexedImage, type ImageIndex, type IndexedImage } from "./image-index.ts";
export {
  emptyClasses,
  noLabel,
  trainingLabels,
  type KnownClasses,
  type TrainingLabels,
} from "./training-labels.ts";
export { holdOut, type HeldOutSources } from "./hold-out.ts";
export { checkLoaderOptions, type TrainingLoaderOptions } from "./loader-options.ts";
