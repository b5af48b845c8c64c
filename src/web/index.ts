export {
  calibrateModel,
  createModel,
  exportOnnx,
  exportSafetensors,
  modelOf,
  openImages,
  openModel,
  trainHead,
  type PageCreateModelOptions,
  type PageModelOptions,
} from "./library.ts";
export type { PageImage, PageImages } from "./images/page-images.ts";
export type { PixelSource } from "./images/pixels.ts";
export { decodeImage } from "./images/decode-image.ts";
export { blobUri, browserStorageFor, indexedDbStorage, opfsStorage } from "./storage/browser-storage.ts";
export { createSession } from "./ort-session.ts";
export { openTrainingStep } from "./training-step.ts";
