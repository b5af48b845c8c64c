import { embeddedModel } from "../../nn/model-cards.ts";
import { downloadWeights, hubStorage, type DownloadOptions } from "../../weights/hub/index.ts";
import { browserStorageFor } from "./browser-storage.ts";
import { cachedFile } from "./cached-file.ts";

/** Folder of the origin's private files for what is kept between visits. */
export const cacheFolder = "opfs:ssl-resnext";

/** A file of another server, fetched once. @returns its URI @throws as `cachedFile` */
export const fetchedFile = (url: string, signal?: AbortSignal): Promise<string> =>
  cachedFile(url, browserStorageFor(cacheFolder), `${cacheFolder}/files`, { signal });

/**
 * Makes sure that a model's published weights are at hand: those of the model that comes with the package are an asset of
 * the page, others are downloaded and checked.
 *
 * @returns their URI
 * @throws as `cachedFile` and `downloadWeights`
 */
export function publishedWeights(model: string, options: Partial<DownloadOptions> = {}): Promise<string> {
  if (model === embeddedModel) return fetchedFile(embeddedAddress(), options.signal);
  const storage = hubStorage(browserStorageFor(cacheFolder), cacheFolder);
  return downloadWeights(model, { storage, ...options });
}

/** Written out: bundlers look for these very words, and put the file beside the page's other assets. */
const embeddedAddress = (): string =>
  new URL("../../../models/ssl_resnext17_cifar10.safetensors", import.meta.url).href;
