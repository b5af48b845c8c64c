export { downloadWeightFile, downloadWeights, type DownloadOptions } from "./download-weights.ts";
export { listCachedWeights, type CachedWeights } from "./cached-weights.ts";
export { licenseNotice } from "./license-notice.ts";
export { type HubEvent, type HubProgress, type OnHubEvent } from "./hub-events.ts";
export { type ClaimOptions, type HubStorage, type PartialFile, type Sha256 } from "./hub-storage.ts";
export { defaultHubTiming, type HubTiming } from "./hub-timing.ts";
export {
  findWeightFile,
  pretrainedNames,
  weightFiles,
  type PretrainedName,
  type WeightFile,
} from "./weight-files.ts";
export { defaultBaseUrl, defaultMirrorUrl } from "./weight-source.ts";
