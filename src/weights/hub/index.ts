export { downloadWeightFile, downloadWeights, type DownloadOptions } from "./download-weights.ts";
export {
  listCachedWeights,
  findWeightFile,
  pretrainedNames,
  weightFiles,
  type WeightFile,
  defaultMirrorUrl,
} from "./weight-files.ts";
export { type HubEvent, type OnHubEvent } from "./hub-events.ts";
export { hubStorage, inCache, type HubStorage } from "./hub-storage.ts";
