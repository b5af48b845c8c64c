import { SslResnextError } from "../../core/index.ts";
import {
  contentReader,
  type ContentReader,
  type ImageItem,
  type ImageSource,
  type SkippedImage,
} from "../../data/index.ts";
import { family } from "../../nn/index.ts";
import {
  embeddingEngine,
  modelOf,
  type ExecutionOptions,
  type ModelPlatform,
  type ModelSource,
} from "../../predict/index.ts";
import type { Engine, FloatPrecision } from "../../runtime/index.ts";
import { embeddingFolder, openEmbeddingCache, type EmbeddingCache } from "./embedding-cache.ts";
import type { Embeddings } from "./feature-transform.ts";

/** How far the embedding of a data set is. */
interface EmbeddingProgress {
  readonly done: number;
  /** Those of them that were found in the cache. */
  readonly cached: number;
  readonly total: number | undefined;
}

export interface EmbedderOptions extends ExecutionOptions {
  /** Folder that keeps embeddings for the next run, or `false`. @default `embeddings` in the folder of the weights */
  readonly cache?: string | false | undefined;
  /** What floats are multiplied in: `bf16` with engine `openvino`, on processors that have it. @default "fp32" */
  readonly precision?: FloatPrecision | undefined;
  readonly onProgress?: ((progress: EmbeddingProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a network that is not trained runs on. */
export interface EmbeddingEngine {
  readonly engine: Engine;
  readonly precision: FloatPrecision;
}

/** Images as a head is fitted on them, in the order of the source. */
export interface EmbeddedImages extends Embeddings, EmbeddingEngine {
  readonly ids: readonly string[];
  /** SHA-256 of the encoded images, in hexadecimal; undefined of one that could be read the second time only. */
  readonly hashes: readonly (string | undefined)[];
  /** What `labelOf` gave; zeros without it. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Rows that came out of the cache. */
  readonly cached: number;
  /** Images that cannot be read; they are left out. */
  readonly unreadable: readonly SkippedImage[];
  readonly seconds: number;
}

/** Embeds sets of images with one model and one cache. */
export interface Embedder extends AsyncDisposable {
  /**
   * Embeds images; what the cache holds is not computed again.
   *
   * @param labelOf What `labels` keeps of an image. It is asked before the image is read, and may throw.
   */
  embed(images: ImageSource, labelOf?: (item: ImageItem) => number): Promise<EmbeddedImages>;
}

/** The mean of an image and its mirror: a classifier that is fitted on few images does better on these. */
const mirror = "averaged";

/**
 * Opens a network as heads are fitted on it: with the transform of evaluation, and the mean of the embeddings of an image and of
 * its mirror.
 *
 * @throws WeightsError when the weights cannot be read.
 */
export async function openEmbedder(
  platform: ModelPlatform,
  source: ModelSource,
  { cache: folder, onProgress, signal, precision = "fp32", ...options }: EmbedderOptions,
): Promise<Embedder> {
  const engine = await embeddingEngine(platform, source, options, precision);
  const execution = { ...options, engine };
  const length = family.embeddingLength(source.description.config);
  const cache =
    folder === false
      ? undefined
      : await openEmbeddingCache(
          platform,
          await embeddingFolder(platform, source, { ...execution, precision, mirror }, folder),
          length,
        );
  const model = await modelOf(platform, source, execution, { floats: precision });
  return {
    embed: (images, labelOf) =>
      embedImages(
        {
          platform,
          cache,
          length,
          engine,
          precision,
          onProgress,
          signal,
          embed: (some) => model.embedAll(some, { mirror, signal }),
        },
        images,
        labelOf,
      ),
    [Symbol.asyncDispose]: () => model.release(),
  };
}

interface EmbedderParts extends EmbeddingEngine, Pick<EmbedderOptions, "onProgress" | "signal"> {
  readonly platform: Pick<ModelPlatform, "storageFor" | "sha256">;
  readonly cache: EmbeddingCache | undefined;
  readonly length: number;
  readonly embed: (
    images: AsyncIterable<ImageItem>,
  ) => AsyncIterable<
    | { readonly embedding: Float32Array<ArrayBuffer> }
    | { readonly image: string; readonly error: SslResnextError }
  >;
}

/** An image on its way. */
interface Row {
  readonly id: string;
  readonly label: number;
  readonly hash: string | undefined;
  embedding?: Float32Array<ArrayBuffer>;
}

async function embedImages(
  { platform, cache, length, engine, precision, embed, onProgress, signal }: EmbedderParts,
  images: ImageSource,
  labelOf: (item: ImageItem) => number = () => 0,
): Promise<EmbeddedImages> {
  const began = performance.now();
  const rows: Row[] = [];
  const pending: Row[] = [];
  const unreadable: SkippedImage[] = [];
  let cached = 0;
  const report = (): void => onProgress?.({ done: rows.length - pending.length, cached, total: images.size });

  await using reader = contentReader(platform.storageFor);
  async function* unknownImages(): AsyncGenerator<ImageItem> {
    for await (const item of images) {
      const label = labelOf(item);
      const hash = await contentHash(platform, reader, item, signal);
      const embedding = hash === undefined ? undefined : await cache?.find(hash);
      const row: Row = { id: item.id, label, hash, ...(embedding ? { embedding } : {}) };
      rows.push(row);
      if (embedding) {
        cached++;
        report();
      } else {
        pending.push(row);
        yield item;
      }
    }
  }

  const unknown = unknownImages();
  const first = await unknown.next();
  try {
    // Sessions take seconds to open: when all is known, none is.
    for await (const result of first.done ? [] : embed(startingWith(first.value, unknown))) {
      // Results come in the order of the images.
      const row = pending.shift()!;
      if ("error" in result) {
        unreadable.push({ id: result.image, error: result.error });
      } else {
        row.embedding = result.embedding;
        if (row.hash !== undefined) await cache?.add(row.hash, result.embedding);
      }
      report();
    }
  } finally {
    // What is stopped here need not be computed again either.
    await cache?.flush();
  }
  const known = rows.filter(({ embedding }) => embedding);
  const features = new Float32Array(known.length * length);
  known.forEach(({ embedding }, index) => features.set(embedding!, index * length));
  return {
    rows: known.length,
    length,
    features,
    ids: known.map(({ id }) => id),
    hashes: known.map(({ hash }) => hash),
    labels: Int32Array.from(known, ({ label }) => label),
    cached,
    engine,
    precision,
    unreadable,
    seconds: (performance.now() - began) / 1000,
  };
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Undefined for an image that cannot be read: the pipeline will say why. */
async function contentHash(
  { sha256 }: Pick<ModelPlatform, "sha256">,
  reader: ContentReader,
  item: ImageItem,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const hash = sha256();
    hash.update(await reader.read(item, signal));
    return await hash.hex();
  } catch (error) {
    if (error instanceof SslResnextError) return undefined;
    throw error;
  }
}
