export {
  calibrateModel,
  createModel,
  exportOnnx,
  exportSafetensors,
  modelOf,
  openImages,
  openModel,
  type PageCreateModelOptions,
  type PageModelOptions,
} from "./library.ts";
export type { PageImage, PageImages } from "./images/page-images.ts";
export type { PixelSource } from "./images/pixels.ts";
export { decodeImage } from "./images/decode-image.ts";
export { blobUri, browserStorageFor, indexedDbStorage, opfsStorage } from "./storage/browser-storage.ts";
export { createSession } from "./ort-session.ts";
export { browserPlatform } from "./platform.ts";
export {
  browserTrainingPlatform,
  openTrainingLoader,
  openTrainingStep,
  trainHead,
  trainModel,
  type PageFolder,
  type PageTrainModelOptions,
} from "./training.ts";
