import { DataError, type SslResnextError } from "../../core/index.ts";
import { contentReader, type ContentReader, type ImageItem, type ImageSource } from "../../data/index.ts";
import { family } from "../../nn/index.ts";
import type { Model } from "../../predict/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import type { EmbeddingCache } from "./embedding-cache.ts";
import type { Examples } from "./head-objective.ts";

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
  platform: Pick<TrainingPlatform, "storageFor" | "sha256">,
  model: Model<never>,
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

  await using reader = contentReader(platform.storageFor);
  async function* unknownImages(): AsyncGenerator<ImageItem> {
    for await (const item of images) {
      const label = labelIndex.get(item.label ?? "");
      if (label === undefined) throw unlabelled(item, classes);
      const row = rows++;
      const hash = cache && (await contentHash(platform, reader, item, signal));
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
  const examples = inOrder(found, family.embeddingLength(model.description.config), classes.length);
  return { examples, cached, unreadable };
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Undefined for an image that cannot be read: the pipeline will say why. */
async function contentHash(
  { sha256 }: Pick<TrainingPlatform, "sha256">,
  reader: ContentReader,
  item: ImageItem,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const hash = sha256();
    hash.update(await reader.read(item, signal));
    return await hash.hex();
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
