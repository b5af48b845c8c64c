import { sha256Of, WeightsError } from "../../core/index.ts";
import { baseName, readText, writeText, type Storage } from "../../core/storage/index.ts";
import { embeddedModel } from "../../nn/model-cards.ts";
import type { DownloadOptions } from "../../weights/hub/index.ts";
import { blobUri, browserStorageFor } from "./browser-storage.ts";

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
export async function publishedWeights(
  model: string,
  options: Partial<DownloadOptions> = {},
): Promise<string> {
  if (model === embeddedModel) return fetchedFile(embeddedAddress(), options.signal);
  const { downloadWeights, hubStorage } = await import("../../weights/hub/index.ts");
  const storage = hubStorage(browserStorageFor(cacheFolder), cacheFolder);
  return downloadWeights(model, { storage, ...options });
}

/** Written out: bundlers look for these very words, and put the file beside the page's other assets. */
const embeddedAddress = (): string =>
  new URL("../../../models/ssl_resnext17_cifar10.safetensors", import.meta.url).href;

/** What a server says of a file; the same again means that the file is the same. */
interface Facts {
  readonly etag: string | null;
  readonly modified: string | null;
  readonly length: string | null;
}

/**
 * Fetches a file once and keeps it: later visits ask the server only whether it has changed, or, without a network, take
 * what they have. A name that ends in the first digits of its SHA-256, as `resnet18-5c106cde.pth`, is checked.
 *
 * @param storage Where it is kept; where that is refused, the file is held as long as the page is open.
 * @returns a URI under which the whole file can be read
 * @throws WeightsError `weights/download-failed`, `weights/checksum-mismatch`; the signal's reason
 */
async function cachedFile(
  url: string,
  storage: Storage,
  folder: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const place = storage.join(folder, (await sha256Of(new TextEncoder().encode(url))).slice(0, 16));
  const file = storage.join(place, baseName(url) || "file");
  const note = storage.join(place, ".facts.json");
  const kept = await readText(storage, note).catch(() => undefined);
  if (kept !== undefined) {
    const now = await fetch(url, { method: "HEAD", signal: signal ?? null })
      .then((head) => (head.ok ? factsOf(head) : undefined))
      .catch(() => undefined);
    signal?.throwIfAborted();
    if (now === undefined || JSON.stringify(now) === kept) return file;
  }

  const { content, facts } = await download(url, signal);
  await checkName(url, content);
  try {
    await storage.makeFolder(place);
    // The note last: without it the file counts as absent.
    await storage.remove(note);
    const writer = await storage.create(file);
    await writer.write(new Uint8Array(await content.arrayBuffer()));
    await writer.commit();
    await writeText(storage, note, JSON.stringify(facts));
    return file;
  } catch {
    // No room, or no storage at all, as in some private windows.
    return blobUri(new File([content], baseName(url)));
  }
}

async function download(
  url: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly content: Blob; readonly facts: Facts }> {
  try {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return { content: await response.blob(), facts: factsOf(response) };
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WeightsError(
      "weights/download-failed",
      `${url}: the file could not be fetched (${reason}). Check the address; a server of another origin has to allow ` +
        "this one (CORS).",
      { cause },
    );
  }
}

const factsOf = ({ headers }: Response): Facts => ({
  etag: headers.get("etag"),
  modified: headers.get("last-modified"),
  length: headers.get("content-length"),
});

async function checkName(url: string, content: Blob): Promise<void> {
  const expected = /-([0-9a-f]{8,64})\.[a-z]+$/.exec(baseName(url))?.[1];
  if (expected === undefined) return;
  const found = await sha256Of(await content.arrayBuffer());
  if (found.startsWith(expected)) return;
  throw new WeightsError(
    "weights/checksum-mismatch",
    `${url}: its SHA-256 begins with ${found.slice(0, expected.length)}, and its name says ${expected}. ` +
      "The file is damaged, or another one; fetch it again.",
  );
}
