import { WeightsError } from "../../core/index.ts";
import { downloadSource, type DownloadContext } from "./download-source.ts";
import type { OnHubEvent } from "./hub-events.ts";
import type { HubStorage, Sha256 } from "./hub-storage.ts";
import { defaultHubTiming, type HubTiming } from "./hub-timing.ts";
import { licenseNotice } from "./license-notice.ts";
import { TransferError } from "./transfer-error.ts";
import { webCryptoSha256 } from "./web-crypto-sha256.ts";
import { findWeightFile, type WeightFile } from "./weight-files.ts";
import { mirrorSource, originalSource, type WeightSource } from "./weight-source.ts";

export interface DownloadOptions {
  /** The cache to download into. */
  readonly storage: HubStorage;
  /** Folder of the original files. @default Facebook's */
  readonly baseUrl?: string | undefined;
  /** Where `<timm tag>/resolve/main/model.safetensors` stands; false for no mirror. @default Hugging Face's timm */
  readonly mirrorUrl?: string | false | undefined;
  /** Takes files from the cache only. @default false */
  readonly offline?: boolean | undefined;
  /** Ends the download; what has arrived stays for a later resume. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnHubEvent | undefined;
  /** For proxies, headers and the like. @default the platform's */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** An incremental SHA-256. @default Web Crypto, which keeps the file in memory */
  readonly createHash?: (() => Sha256) | undefined;
  readonly timing?: Partial<HubTiming> | undefined;
  /** Source of the back-off's jitter, uniform in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Makes sure that a model's weights stand in the cache and returns where, as `storage.locate` names it.
 *
 * Downloads the original `.pth` and checks it against the SHA-256 in its name; when its server fails,
 * the mirror's safetensors. An interrupted download is resumed, by this process or a later one.
 *
 * @throws ModelError `model/no-published-weights`
 * @throws WeightsError `weights/offline`, `weights/checksum-mismatch`, `weights/size-mismatch`,
 * `weights/download-failed`, `weights/cache-full`, `weights/cache-unwritable`
 * @throws the signal's reason when it aborts
 */
export async function downloadWeights(name: string, options: DownloadOptions): Promise<string> {
  return await downloadWeightFile(findWeightFile(name), options);
}

/** `downloadWeights` for a file that is described rather than named. */
export async function downloadWeightFile(weights: WeightFile, options: DownloadOptions): Promise<string> {
  const { storage, mirrorUrl, signal } = options;
  signal?.throwIfAborted();
  const original = originalSource(weights, options.baseUrl);
  const sources = mirrorUrl === false ? [original] : [original, mirrorSource(weights, mirrorUrl)];
  const emit: OnHubEvent = options.onEvent ?? (() => undefined);

  for (const source of sources) {
    const bytes = await cachedLength(source, storage);
    if (bytes === undefined) continue;
    const path = storage.locate(source.file);
    emit({ type: "done", path, bytes, cached: true });
    return path;
  }
  if (options.offline === true) throw offlineError(sources, storage);
  // Without a listener nobody would see the notice, so it is not marked as seen.
  if (options.onEvent !== undefined && (await storage.firstTime("license-notice"))) emit(licenseNotice);

  const context: DownloadContext = {
    storage,
    signal,
    emit,
    fetch: options.fetch ?? globalThis.fetch,
    createHash: options.createHash ?? webCryptoSha256,
    random: options.random ?? Math.random,
    timing: { ...defaultHubTiming, ...options.timing },
  };
  return await downloadFirst(sources, context);
}

/** Tries the sources in turn. Only failures of the network or the server lead to the next one. */
async function downloadFirst(sources: readonly WeightSource[], context: DownloadContext): Promise<string> {
  const failures: TransferError[] = [];
  for (const [index, source] of sources.entries()) {
    try {
      const bytes = await downloadSource(source, context);
      const path = context.storage.locate(source.file);
      context.emit({ type: "done", path, bytes, cached: false });
      return path;
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      failures.push(error);
      const next = sources[index + 1];
      if (next !== undefined) context.emit({ type: "fallback", from: source.url, to: next.url, error });
    }
  }
  throw new WeightsError(
    "weights/download-failed",
    "The weights could not be downloaded.\n" +
      failures.map((failure) => `  ${failure.message}\n`).join("") +
      `Run it again to resume, or download the file yourself and put it at ${whereToPut(sources, context.storage)}.`,
    { cause: failures.length === 1 ? failures[0] : new AggregateError(failures) },
  );
}

/** Length of a cached file, after a check against the published one: people put files there, too. */
async function cachedLength(source: WeightSource, storage: HubStorage): Promise<number | undefined> {
  const bytes = await storage.size(source.file);
  if (bytes === undefined || source.bytes === undefined || bytes === source.bytes) return bytes;
  throw new WeightsError(
    "weights/size-mismatch",
    `${storage.locate(source.file)}: expected ${source.bytes} bytes, the file has ${bytes}. ` +
      "Remove it and download it again.",
  );
}

function offlineError(sources: readonly WeightSource[], storage: HubStorage): WeightsError {
  return new WeightsError(
    "weights/offline",
    "The weights are not in the cache and downloads are off. " +
      `On a machine with network, get the file and put it at ${whereToPut(sources, storage)}.`,
  );
}

function whereToPut(sources: readonly WeightSource[], storage: HubStorage): string {
  return sources.map(({ url, file }) => `${storage.locate(file)} (from ${url})`).join(", or at ");
}
