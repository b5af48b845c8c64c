import { ModelError, WeightsError, type ByteSource, type Sha256 } from "../../core/index.ts";
import { hashPartial, webCryptoSha256, type HashedPartial } from "./hashed-partial.ts";
import { defaultHubTiming, licenseNotice, type HubTiming, type OnHubEvent } from "./hub-events.ts";
import type { HubStorage } from "./hub-storage.ts";
import {
  authorization,
  networkWatch,
  TransferError,
  transferWithRetries,
  type TransferContext,
} from "./transfer.ts";
import {
  configSource,
  findWeightFile,
  hubName,
  mirrorSource,
  originalSource,
  type WeightFile,
  type WeightSource,
} from "./weight-files.ts";

export interface DownloadOptions {
  /** The cache to download into. */
  readonly storage: HubStorage;
  /** Folder of the original files. @default Facebook's */
  readonly baseUrl?: string | undefined;
  /** Where `<timm tag>/resolve/main/model.safetensors` stands; false for no mirror. @default Hugging Face's timm */
  readonly mirrorUrl?: string | false | undefined;
  /** Sent to the mirror as a bearer token. */
  readonly mirrorToken?: string | undefined;
  /** Takes files from the cache only; a text says what asks for that. @default false */
  readonly offline?: boolean | string | undefined;
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
 * the mirror's safetensors. `timm/NAME` means the weights of that repository on the mirror, and its `config.json` beside them. An
 * interrupted download is resumed, by this process or a later one.
 *
 * @throws ModelError `model/no-published-weights`
 * @throws WeightsError `weights/offline`, `weights/checksum-mismatch`, `weights/size-mismatch`,
 * `weights/download-failed`, `weights/cache-full`, `weights/cache-unwritable`
 * @throws the signal's reason when it aborts
 */
export async function downloadWeights(name: string, options: DownloadOptions): Promise<string> {
  const timmTag = hubName(name);
  return timmTag === undefined
    ? await downloadWeightFile(findWeightFile(name), options)
    : await downloadHubModel(timmTag, options);
}

/** The weights of one of timm's repositories on the hub, with their `config.json` beside them. */
async function downloadHubModel(timmTag: string, options: DownloadOptions): Promise<string> {
  const { mirrorUrl, mirrorToken } = options;
  if (mirrorUrl === false) {
    throw new ModelError(
      "model/no-published-weights",
      `timm/${timmTag} is on the Hugging Face hub only, and no mirror may be asked (mirrorUrl).`,
    );
  }
  const isFacebooks = /\.fb_/.test(timmTag);
  // Nobody waits for so short a file.
  const quiet = { ...options, onEvent: undefined };
  await downloadOne([configSource({ timmTag }, mirrorUrl, mirrorToken)], quiet, false);
  return await downloadOne([mirrorSource({ timmTag }, mirrorUrl, mirrorToken)], options, isFacebooks);
}

/** `downloadWeights` for a file that is described rather than named. */
export async function downloadWeightFile(weights: WeightFile, options: DownloadOptions): Promise<string> {
  const { mirrorUrl, mirrorToken } = options;
  const original = originalSource(weights, options.baseUrl);
  const sources =
    mirrorUrl === false ? [original] : [original, mirrorSource(weights, mirrorUrl, mirrorToken)];
  return await downloadOne(sources, options, true);
}

/** Makes sure that the file of the first source that has it stands in the cache. */
async function downloadOne(
  sources: readonly WeightSource[],
  options: DownloadOptions,
  isFacebooks: boolean,
): Promise<string> {
  const { storage, signal } = options;
  signal?.throwIfAborted();
  const emit: OnHubEvent = options.onEvent ?? (() => undefined);

  for (const source of sources) {
    const bytes = await cachedLength(source, storage);
    if (bytes === undefined) continue;
    const path = storage.locate(source.file);
    emit({ type: "done", path, bytes, cached: true });
    return path;
  }
  const { offline = false } = options;
  if (offline !== false) throw offlineError(sources, storage, offline);
  // Without a listener nobody would see the notice, so it is not marked as seen.
  if (isFacebooks && options.onEvent !== undefined && (await storage.firstTime("license-notice"))) {
    emit(licenseNotice);
  }

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

function offlineError(
  sources: readonly WeightSource[],
  storage: HubStorage,
  offline: true | string,
): WeightsError {
  return new WeightsError(
    "weights/offline",
    `The weights are not in the cache, and offline mode (${offline === true ? "the option offline" : offline}) forbids downloads. ` +
      `On a machine with network, get the file and put it at ${whereToPut(sources, storage)}.`,
  );
}

function whereToPut(sources: readonly WeightSource[], storage: HubStorage): string {
  return sources.map(({ url, file }) => `${storage.locate(file)} (from ${url})`).join(", or at ");
}

interface DownloadContext extends TransferContext {
  readonly storage: HubStorage;
  readonly createHash: () => Sha256;
  readonly random: () => number;
}

/** Downloads one source into the cache under its own claim, checks it and commits it; returns its length. */
async function downloadSource(source: WeightSource, context: DownloadContext): Promise<number> {
  const { storage, signal, emit, createHash } = context;
  const { file } = source;
  const claimed = await storage.claim(file, { signal, onWait: () => emit({ type: "waiting", file }) });
  try {
    // Another process may have finished it during the wait.
    const finished = await storage.size(file);
    if (finished !== undefined) return finished;
    const partial = await hashPartial(claimed, createHash, signal);
    const sha256 = await downloadVerified(source, partial, context);
    emit({ type: "verified", file, sha256 });
    const bytes = claimed.size;
    await claimed.commit();
    return bytes;
  } finally {
    await claimed.release();
  }
}

async function downloadVerified(
  source: WeightSource,
  partial: HashedPartial,
  context: DownloadContext,
): Promise<string> {
  const expected = source.sha256Prefix ?? (await linkedSha256(source, context));
  for (;;) {
    await transferWithRetries(source, partial, context);
    const sha256 = await partial.sha256();
    const piecedTogether = partial.pieces > 1;
    try {
      checkSha256(source, sha256, expected);
      if (source.isText) await checkJson(source, partial.file);
      else if (source.sha256Prefix === undefined) await checkSafetensorsLength(source, partial.file);
      return sha256;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      await partial.clear();
      // Pieces of different files may have met: one download in one piece decides.
      if (!piecedTogether) throw error;
      context.emit({ type: "retry", url: source.url, attempt: 1, delay: 0, error });
    }
  }
}

/** Compares the SHA-256 of a download with the digits that are known of it. */
function checkSha256(source: WeightSource, sha256: string, expected: string | undefined): void {
  if (expected === undefined || sha256.startsWith(expected)) return;
  throw new WeightsError(
    "weights/checksum-mismatch",
    `${source.url}: expected a file whose SHA-256 begins with ${expected}, received ${sha256}. ` +
      "The download was removed; a proxy may have changed it, or the server holds another file.",
  );
}

/** Checks that a description is one: what stands in for a checksum. */
async function checkJson(source: WeightSource, bytes: ByteSource): Promise<void> {
  try {
    JSON.parse(new TextDecoder().decode(await bytes.read(0, bytes.size)));
  } catch (cause) {
    throw new WeightsError(
      "weights/not-json",
      `${source.url}: expected JSON, received ${bytes.size} bytes of something else. The download was removed; a proxy or ` +
        "a login page may have answered in its place.",
      { cause },
    );
  }
}

/** Longest safetensors header that the format's reference implementation accepts. */
const longestHeader = 100_000_000;

/** Checks that a safetensors file is as long as its header says: what stands in for a checksum. */
async function checkSafetensorsLength(source: WeightSource, bytes: ByteSource): Promise<void> {
  const expected = await safetensorsLength(bytes);
  if (expected === bytes.size) return;
  throw new WeightsError(
    "weights/not-safetensors",
    `${source.url}: expected a safetensors file, received ${bytes.size} bytes ` +
      (expected === undefined ? "without its header. " : `whose header describes ${expected}. `) +
      "The download was removed; a proxy or a login page may have answered in its place.",
  );
}

async function safetensorsLength(bytes: ByteSource): Promise<number | undefined> {
  if (bytes.size < 8) return undefined;
  const prefix = await bytes.read(0, 8);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length > longestHeader || 8 + length > bytes.size) return undefined;
  try {
    const header = JSON.parse(new TextDecoder().decode(await bytes.read(8, length))) as object;
    const ends = Object.values(header).map((entry: { data_offsets?: unknown } | null) => {
      const offsets = entry?.data_offsets;
      return Array.isArray(offsets) && typeof offsets[1] === "number" ? offsets[1] : 0;
    });
    return 8 + length + ends.reduce((end, other) => Math.max(end, other), 0);
  } catch {
    return undefined;
  }
}

/**
 * Asks a Hugging Face server for the SHA-256 of a large file: it stands in X-Linked-Etag of the redirect
 * to the storage behind it, or in the ETag where there is no redirect. Undefined when the server does
 * not say, or where the platform hides redirects, as browsers do.
 */
async function linkedSha256(source: WeightSource, context: TransferContext): Promise<string | undefined> {
  const { url } = source;
  const network = networkWatch(url, context.timing.stallTimeout, context.signal);
  try {
    const response = await network.watch(() =>
      context.fetch(url, {
        method: "HEAD",
        headers: authorization(source),
        redirect: "manual",
        credentials: "omit",
        signal: network.signal,
      }),
    );
    const tag = response.headers.get("x-linked-etag") ?? response.headers.get("etag") ?? "";
    return /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(tag)?.[1];
  } catch (error) {
    // The download that follows meets the same failure and deals with it.
    if (error instanceof TransferError) return undefined;
    throw error;
  }
}
