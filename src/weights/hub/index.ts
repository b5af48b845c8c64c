export { downloadWeightFile, downloadWeights, type DownloadOptions } from "./download-weights.ts";
export {
  listCachedWeights,
  type CachedWeights,
  findWeightFile,
  pretrainedNames,
  weightFiles,
  type PretrainedName,
  type WeightFile,
  defaultBaseUrl,
  defaultMirrorUrl,
} from "./weight-files.ts";
export {
  licenseNotice,
  type HubEvent,
  type HubProgress,
  type OnHubEvent,
  defaultHubTiming,
  type HubTiming,
} from "./hub-events.ts";
export { hubStorage, inCache, type ClaimOptions, type HubStorage, type PartialFile } from "./hub-storage.ts";
