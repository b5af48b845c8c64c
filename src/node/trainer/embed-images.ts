import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  DataError,
  tensor,
  WeightsError,
  type SslResnextError,
  type StateDict,
  type TensorSource,
} from "../../core/index.ts";
import { contentReader, type ContentReader, type ImageItem, type ImageSource } from "../../data/index.ts";
import { embeddingLength } from "../../nn/index.ts";
import type { Model } from "../../predict/index.ts";
import type { Examples } from "../../train/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../weights/index.ts";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { openFileSource } from "../files/file-source.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { isErrno, makeMissingFolders } from "../files/file-system.ts";
import { explainCacheErrors } from "../files/hub-storage.ts";

/** How far the embedding of a data set is. */
export interface EmbeddingProgress {
  readonly done: number;
  /** Those of them that were found in the cache. */
  readonly cached: number;
  readonly total: number | undefined;
}

/** An image that cannot be read; it is left out. */
export interface UnreadableImage {
  readonly id: string;
  readonly error: SslResnextError;
}

interface EmbedImagesOptions {
  /** Class of each label. */
  readonly classes: readonly string[];
  readonly cache?: EmbeddingCache | undefined;
  readonly onProgress?: ((progress: EmbeddingProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly row: number;
  readonly label: number;
  readonly hash: string | undefined;
}

/** Labelled images as a head is trained on them. */
interface EmbeddedImages {
  /** In the order of the images. */
  readonly examples: Examples;
  /** Rows that came out of the cache. */
  readonly cached: number;
  readonly unreadable: readonly UnreadableImage[];
}

/**
 * Embeds labelled images with the transform of evaluation; what the cache holds is not computed again.
 *
 * @throws DataError `data/unlabelled` for an image without one of the classes.
 */
export async function embedImages(
  model: Model,
  images: ImageSource,
  { classes, cache, onProgress, signal }: EmbedImagesOptions,
): Promise<EmbeddedImages> {
  const labelIndex = new Map(classes.map((name, index) => [name, index]));
  const found: { readonly row: number; readonly label: number; readonly embedding: Float32Array }[] = [];
  const unreadable: UnreadableImage[] = [];
  const pending: Pending[] = [];
  let cached = 0;
  let rows = 0;
  const report = (): void =>
    onProgress?.({ done: found.length + unreadable.length, cached, total: images.size });

  await using reader = contentReader(nodeStorageFor);
  async function* unknownImages(): AsyncGenerator<ImageItem> {
    for await (const item of images) {
      const label = labelIndex.get(item.label ?? "");
      if (label === undefined) throw unlabelled(item, classes);
      const row = rows++;
      const hash = cache && (await contentHash(reader, item, signal));
      const embedding = hash === undefined ? undefined : await cache?.find(hash);
      if (embedding) {
        found.push({ row, label, embedding });
        cached++;
        report();
      } else {
        pending.push({ row, label, hash });
        yield item;
      }
    }
  }

  const unknown = unknownImages();
  const first = await unknown.next();
  // Sessions take seconds to open: when all is known, none is.
  const results = first.done ? [] : model.embedAll(startingWith(first.value, unknown), { signal });
  try {
    for await (const result of results) {
      // Results come in the order of the images.
      const { row, label, hash } = pending.shift()!;
      if ("error" in result) {
        unreadable.push({ id: result.image, error: result.error });
      } else {
        found.push({ row, label, embedding: result.embedding });
        if (hash !== undefined) await cache?.add(hash, result.embedding);
      }
      report();
    }
  } finally {
    // What is stopped here need not be computed again either.
    await cache?.flush();
  }
  const examples = inOrder(found, embeddingLength(model.description.config), classes.length);
  return { examples, cached, unreadable };
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Undefined for an image that cannot be read: the pipeline will say why. */
async function contentHash(
  reader: ContentReader,
  item: ImageItem,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await reader.read(item, signal))
      .digest("hex");
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

function inOrder(
  found: readonly { readonly row: number; readonly label: number; readonly embedding: Float32Array }[],
  length: number,
  numClasses: number,
): Examples {
  const sorted = found.toSorted((a, b) => a.row - b.row);
  const features = new Float32Array(sorted.length * length);
  sorted.forEach(({ embedding }, index) => features.set(embedding, index * length));
  return {
    rows: sorted.length,
    length,
    numClasses,
    features,
    labels: Int32Array.from(sorted, ({ label }) => label),
  };
}

function unlabelled({ id, label }: ImageItem, classes: readonly string[]): DataError {
  return new DataError(
    "data/unlabelled",
    label === undefined
      ? `${id}: has no class. Put each image into a folder that is named after its class.`
      : `${id}: its class ${label} is none of the ${classes.length} that are trained.`,
  );
}

/** Embeddings that were computed before, by the SHA-256 of the encoded image in hexadecimal. */
interface EmbeddingCache {
  find(hash: string): Promise<Float32Array<ArrayBuffer> | undefined>;
  /** Writes to disk now and then. */
  add(hash: string, embedding: Float32Array<ArrayBuffer>): Promise<void>;
  /** Writes what was added since. */
  flush(): Promise<void>;
}

/** Embeddings of one file: 4 MB of the card's models, some seconds of work. */
const rowsOfPart = 512;
const bytesOfHash = 32;

interface Place {
  readonly file: string;
  readonly row: number;
}

/**
 * Opens the embeddings of one model in a folder, which is made when it is first written to.
 *
 * Each file holds some images and their embeddings and appears complete or not at all, so that a run that is killed
 * keeps what it had written, and runs at the same time do not disturb each other. A file that cannot be read is left
 * out.
 *
 * @param length Numbers of one embedding.
 */
export async function openEmbeddingCache(folder: string, length: number): Promise<EmbeddingCache> {
  const places = new Map<string, Place>();
  let added = new Map<string, Float32Array<ArrayBuffer>>();
  // Images come in the order of the run before: one file serves hundreds of them in a row.
  let open: { readonly file: string; readonly data: Float32Array<ArrayBuffer> } | undefined;

  for (const file of await filesIn(folder)) {
    for (const [row, hash] of (await hashesIn(join(folder, file), length)).entries()) {
      places.set(hash, { file, row });
    }
  }
  const flush = async (): Promise<void> => {
    if (added.size === 0) return;
    const rows = added;
    added = new Map();
    await writePart(folder, rows, length);
  };
  return {
    async find(hash) {
      const place = places.get(hash);
      if (!place) return added.get(hash);
      if (open?.file !== place.file) {
        open = { file: place.file, data: await readTensor(join(folder, place.file), "embeddings") };
      }
      return open.data.slice(place.row * length, (place.row + 1) * length);
    },
    async add(hash, embedding) {
      added.set(hash, embedding);
      if (added.size >= rowsOfPart) await flush();
    },
    flush,
  };
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".safetensors")).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Hashes of a file's images in their order; none when the file is not as it should be. */
async function hashesIn(path: string, length: number): Promise<readonly string[]> {
  try {
    return await withTensors(path, async (tensors) => {
      const { dims: [rows = 0, width] = [] } = tensors.get("embeddings") ?? {};
      const hashes = await tensors.get("hashes")?.load();
      if (width !== length || hashes?.dtype !== "uint8" || hashes.data.length !== rows * bytesOfHash)
        return [];
      const bytes = Buffer.from(hashes.data.buffer, hashes.data.byteOffset, hashes.data.byteLength);
      return Array.from({ length: rows }, (_, row) =>
        bytes.toString("hex", row * bytesOfHash, (row + 1) * bytesOfHash),
      );
    });
  } catch (error) {
    if (error instanceof WeightsError) return [];
    throw error;
  }
}

function readTensor(path: string, name: string): Promise<Float32Array<ArrayBuffer>> {
  return withTensors(path, async (tensors) => {
    const { data } = await tensors.get(name)!.load();
    return data as Float32Array<ArrayBuffer>;
  });
}

async function withTensors<T>(path: string, use: (tensors: StateDict) => Promise<T>): Promise<T> {
  await using source = await openFileSource(path);
  // Awaited here: the file has to stay open meanwhile.
  return await use((await openCheckpoint(source)).tensors);
}

async function writePart(
  folder: string,
  rows: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
  length: number,
): Promise<void> {
  const hashes = new Uint8Array(rows.size * bytesOfHash);
  const embeddings = new Float32Array(rows.size * length);
  for (const [row, [hash, embedding]] of [...rows].entries()) {
    hashes.set(Buffer.from(hash, "hex"), row * bytesOfHash);
    embeddings.set(embedding, row * length);
  }
  const { chunks } = encodeSafetensors(
    new Map<string, TensorSource>([
      ["hashes", tensor("uint8", [rows.size, bytesOfHash], hashes)],
      ["embeddings", tensor("float32", [rows.size, length], embeddings)],
    ]),
  );
  const name = createHash("sha256").update(hashes).digest("hex").slice(0, 16);
  await explainCacheErrors(folder)(async () => {
    await makeMissingFolders(folder);
    await writeFileAtomic(join(folder, `${name}.safetensors`), chunks);
  });
}
