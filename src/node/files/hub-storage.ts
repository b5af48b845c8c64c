import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Sha256 } from "../../core/index.ts";
import { embeddedModel } from "../../nn/model-cards.ts";
import {
  defaultMirrorUrl,
  downloadWeights,
  hubStorage as hubStorageOf,
  type DownloadOptions,
  type HubStorage,
} from "../../weights/hub/index.ts";
import { environmentFetch, offlineBy } from "./environment-fetch.ts";
import { fileStorage } from "./file-storage.ts";
import { cacheFolder } from "./file-system.ts";

/**
 * `downloadWeights` into the folder of `hubStorage`, with the settings of the environment:
 * `SSL_RESNEXT_HUB_URL`, `SSL_RESNEXT_MIRROR_URL`, `SSL_RESNEXT_OFFLINE=1` and `SSL_RESNEXT_CACHE`, huggingface_hub's
 * `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`, and those of `environmentFetch`.
 * Options win over the environment. Returns the path of the file.
 *
 * @throws what `downloadWeights` throws
 */
export function pretrainedWeights(
  name: string,
  options: Partial<DownloadOptions> = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const ownMirror = options.mirrorUrl ?? setting(env["SSL_RESNEXT_MIRROR_URL"]);
  const endpoint = setting(env["HF_ENDPOINT"])?.replace(/\/+$/, "");
  return downloadWeights(name, {
    ...options,
    storage: options.storage ?? hubStorage(),
    fetch: options.fetch ?? environmentFetch(env),
    createHash: options.createHash ?? nodeSha256,
    baseUrl: options.baseUrl ?? setting(env["SSL_RESNEXT_HUB_URL"]),
    mirrorUrl: ownMirror ?? (endpoint === undefined ? defaultMirrorUrl : `${endpoint}/timm/`),
    // It is Hugging Face's, and nobody else's to see.
    mirrorToken: options.mirrorToken ?? (ownMirror === undefined ? setting(env["HF_TOKEN"]) : undefined),
    offline: options.offline ?? offlineBy(env) ?? false,
  });
}

function setting(value: string | undefined): string | undefined {
  const given = value?.trim();
  return given === "" ? undefined : given;
}

/** Path of a model's weights within the package; `undefined` for models that it does not carry. */
export function embeddedWeights(model: string): string | undefined {
  if (model !== embeddedModel) return undefined;
  return fileURLToPath(new URL(`../../../models/${embeddedModel}.safetensors`, import.meta.url));
}

/** Node's SHA-256. */
export function nodeSha256(): Sha256 {
  const hash = createHash("sha256");
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => Promise.resolve(hash.digest("hex")),
  };
}

/** A hub cache in a folder on disk, which is made when it is first written to. */
export const hubStorage = (folder: string = cacheFolder()): HubStorage => hubStorageOf(fileStorage, folder);
