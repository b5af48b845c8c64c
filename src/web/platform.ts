import type { ModelPlatform } from "../predict/platform.ts";
import type { ModelChunks, StoredModel } from "../runtime/index.ts";
import { threadSessions } from "../runtime/thread-session.ts";
import { webCryptoSha256 } from "../weights/hub/hashed-partial.ts";
import { itemOf, type PageImage } from "./images/page-images.ts";
import { browserStorageFor } from "./storage/browser-storage.ts";
import { gunzip } from "./storage/gunzip.ts";
import { cacheFolder, publishedWeights } from "./storage/published-weights.ts";
import { startThread } from "./start-thread.ts";

/** What the pipeline needs of the world, in a page. */
export const browserPlatform: ModelPlatform<PageImage> = {
  name: "browser",
  storageFor: browserStorageFor,
  cacheFolder: () => cacheFolder,
  // They are an asset of the page, which has to be fetched: see `publishedWeights`.
  embeddedWeights: () => undefined,
  pretrainedWeights: publishedWeights,
  sha256: webCryptoSha256,
  gunzip,
  machine: () => ({
    cores: navigator.hardwareConcurrency,
    // Some browsers do not say; those that do say 8 at most.
    freeMemory: (navigator.deviceMemory ?? 4) * 2 ** 30,
  }),
  startThread,
  createSession: threadSessions(startThread, () => 1),
  externalData: undefined,
  storeModel,
  itemOf,
};

declare global {
  interface Navigator {
    /** Gigabytes of the device, rounded; Chromium only. */
    readonly deviceMemory?: number;
  }
}

/** Keeps a model as a Blob, which every worker fetches by its address: the page holds no copy. */
async function storeModel({ model }: ModelChunks, signal?: AbortSignal): Promise<StoredModel> {
  const parts: Blob[] = [];
  for await (const chunk of model) {
    signal?.throwIfAborted();
    parts.push(new Blob([new Uint8Array(chunk)]));
  }
  const address = URL.createObjectURL(new Blob(parts));
  return {
    model: address,
    remove: async () => URL.revokeObjectURL(address),
  };
}
