import { ImageError, SslResnextError } from "../core/index.ts";
import {
  contentReader,
  imageSets,
  type ContentReader,
  type ImageItem,
  type ImageSet,
  type ImageSource,
  type NamedSet,
} from "../data/index.ts";
import { growingArray } from "../data/loader/image-index.ts";
import { buildGraph, input, reduceMean } from "../graph/index.ts";
import { imagenetPreprocessing } from "../image/index.ts";
import { family, inferenceGraph } from "../nn/index.ts";
import {
  compileModel,
  createImagePipeline,
  type ExecutionOptions,
  type ModelSource,
} from "../predict/index.ts";
import { openGraphPipeline } from "../predict/pipeline/image-pipeline.ts";
import { planExecution, type ImagePipeline, type ImageResult } from "../runtime/index.ts";
import { mapWindow } from "../runtime/map-window.ts";
import type { EmbeddingEngine } from "../train/head/embed-images.ts";
import { embeddingFolder, openEmbeddingCache, type EmbeddingCache } from "../train/head/embedding-cache.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import type { Examined, Journal } from "./journal.ts";
import type { CheckEvent } from "./options.ts";

/** What was found out of all images, in columns, as there may be very many. */
export interface ExaminedImages {
  readonly ids: readonly string[];
  /** Index in `imageSets`. */
  readonly sets: Uint8Array;
  readonly classes: readonly string[];
  /** Index in `classes`; -1 without a label. */
  readonly labels: Int32Array;
  /** The number of the content, the same for files with the same bytes; -1 for an image that cannot be read. */
  readonly contents: Int32Array;
  /** Why an image cannot be read, by its position. */
  readonly failures: ReadonlyMap<number, SslResnextError>;
  /** Facts by the number of a content. */
  readonly widths: Uint32Array;
  readonly heights: Uint32Array;
  readonly orientations: Uint8Array;
  /** [contents, 32, 32] */
  readonly grey: Uint8Array;
}

interface Execution extends Omit<ExecutionOptions, "engine">, EmbeddingEngine {}

export interface ExamineOptions extends Execution {
  readonly journal: Journal;
  readonly model: ModelSource | undefined;
  readonly embeddingCache: string | false | undefined;
  /** Takes the embedding of each image that has one, in the order of the images. */
  readonly onEmbedding: (image: number, embedding: Float32Array<ArrayBuffer>, examined: Labelled) => void;
  readonly signal: AbortSignal | undefined;
}

/** What is known of an image when it is embedded. */
interface Labelled {
  readonly set: ImageSet;
  /** Index of its class; -1 without a label. */
  readonly label: number;
}

/** Images that are under way at once. */
const width = 48;

/**
 * Reads every image once: what it is goes to the journal, its embedding to the cache of embeddings, and what both hold is not
 * computed again. Memory holds about a kilobyte for each image.
 */
export async function* examineImages(
  platform: TrainingPlatform,
  sets: readonly NamedSet[],
  options: ExamineOptions,
): AsyncGenerator<CheckEvent, ExaminedImages, undefined> {
  const { signal, onEmbedding } = options;
  const columns = imageColumns();
  const total = sets.reduce<number | undefined>(
    (sum, { images }) => (sum === undefined || images.size === undefined ? undefined : sum + images.size),
    0,
  );
  await using examiner = await openExaminer(platform, options, total);
  let known = 0;
  for (const { set, images } of sets) {
    const items = set === "unlabelled" ? withoutLabels(images) : images;
    for await (const { item, ...found } of mapWindow(items, examiner.examine, {
      width,
      ordered: true,
      signal,
    })) {
      const at = columns.add(set, item, found);
      if (found.known) known++;
      if (found.embedding) onEmbedding(at, found.embedding, { set, label: columns.labelOf(at) });
      yield { type: "images", set, done: at + 1, known, total };
    }
  }
  return columns.all();
}

async function* withoutLabels(images: ImageSource): AsyncGenerator<ImageItem> {
  for await (const { id, content } of images) yield { id, content };
}

/** What comes of one image. */
interface Found {
  readonly hash: string | undefined;
  readonly examined: Examined | { readonly error: SslResnextError };
  readonly embedding: Float32Array<ArrayBuffer> | undefined;
  /** Whether nothing had to be computed. */
  readonly known: boolean;
}

interface Examiner extends AsyncDisposable {
  readonly examine: (item: ImageItem, signal: AbortSignal) => Promise<Found & { readonly item: ImageItem }>;
}

async function openExaminer(
  platform: TrainingPlatform,
  { journal, model, embeddingCache, ...execution }: ExamineOptions,
  images: number | undefined,
): Promise<Examiner> {
  const reader = contentReader(platform.storageFor);
  const cache =
    model && embeddingCache !== false
      ? await openCache(platform, model, execution, embeddingCache)
      : undefined;
  let pipeline: Promise<ImagePipeline<ImageItem>> | undefined;
  const run = async (item: ImageItem, signal: AbortSignal): Promise<ImageResult<ImageItem>> => {
    pipeline ??= openPipeline(platform, model, execution, images);
    for await (const result of (await pipeline).run([item], { signal })) return result;
    throw new ImageError("image/missing", `${item.id}: the run ended without a result.`);
  };
  // One after the other: neighbours lie in one file of the cache.
  let lookups: Promise<unknown> = Promise.resolve();
  const cached = (hash: string): Promise<Float32Array<ArrayBuffer> | undefined> => {
    const found = lookups.then(() => cache?.find(hash));
    lookups = found.catch(() => undefined);
    return found;
  };
  return {
    async examine(item, signal) {
      const hash = await contentHash(platform, reader, item, signal);
      if (typeof hash !== "string")
        return { item, hash: undefined, examined: hash, embedding: undefined, known: false };
      const earlier = journal.find(hash);
      if (earlier && "error" in earlier)
        return { item, hash, examined: earlier, embedding: undefined, known: true };
      const embedding = model && (await cached(hash));
      if (earlier && (embedding || !model)) return { item, hash, examined: earlier, embedding, known: true };
      const result = await run(item, signal);
      if ("error" in result) {
        const { error } = result;
        if (error instanceof ImageError) await journal.add(hash, { error });
        return { item, hash, examined: { error }, embedding: undefined, known: false };
      }
      const facts = result.facts!;
      const fresh = result.outputs["mirrored_embedding"]?.data;
      await journal.add(hash, facts);
      if (fresh) await cache?.add(hash, fresh);
      return { item, hash, examined: facts, embedding: fresh, known: false };
    },
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await cache?.flush();
      await pipeline?.then(
        (opened) => opened.release(),
        () => undefined,
      );
    },
  };
}

/** The cache that `train` and `semi` look into as well. */
async function openCache(
  platform: TrainingPlatform,
  model: ModelSource,
  execution: Execution,
  folder: string | undefined,
): Promise<EmbeddingCache> {
  const settings = { ...execution, mirror: "averaged" } as const;
  return openEmbeddingCache(
    platform,
    await embeddingFolder(platform, model, settings, folder),
    family.embeddingLength(model.description.config),
  );
}

async function openPipeline(
  platform: TrainingPlatform,
  model: ModelSource | undefined,
  execution: Execution,
  images: number | undefined,
): Promise<ImagePipeline<ImageItem>> {
  if (!model) return openWithoutModel(platform, execution, images);
  const { config, preprocessing } = model.description;
  const { inputSize } = preprocessing;
  const { pipeline } = await openGraphPipeline(platform, model, execution, {
    graph: (weights, { blockSize }) =>
      inferenceGraph(config, weights, { outputs: ["mirrored_embedding"], inputSize, blockSize }),
    precision: execution.precision,
    describe: true,
    images,
  });
  return pipeline;
}

/** A pipeline for what the files are: its graph is next to nothing. */
async function openWithoutModel(
  platform: TrainingPlatform,
  { plan, decode }: ExecutionOptions,
  images: number | undefined,
): Promise<ImagePipeline<ImageItem>> {
  const inputSize = 8;
  const mean = reduceMean(input("images", "float32", ["N", 3, inputSize, inputSize]), [1, 2, 3]);
  const compiled = await compileModel(platform, buildGraph({ mean }));
  try {
    return await createImagePipeline(platform, {
      model: compiled.model,
      preprocessing: { ...imagenetPreprocessing, inputSize, cropPct: 1 },
      plan: planExecution(
        {
          ...platform.machine(),
          modelBytes: 0,
          inputSize,
          device: "cpu",
          ...(images === undefined ? {} : { images }),
        },
        plan,
      ),
      describe: true,
      ...(decode ? { decode } : {}),
    });
  } finally {
    await compiled.remove();
  }
}

/** The SHA-256 of an image's bytes; or why they cannot be read. */
async function contentHash(
  { sha256 }: Pick<TrainingPlatform, "sha256">,
  reader: ContentReader,
  item: ImageItem,
  signal: AbortSignal,
): Promise<string | { readonly error: SslResnextError }> {
  try {
    const hash = sha256();
    hash.update(await reader.read(item, signal));
    return await hash.hex();
  } catch (error) {
    if (error instanceof SslResnextError) return { error };
    throw error;
  }
}

interface ImageColumns {
  /** @returns the position of the image */
  add(set: ImageSet, item: ImageItem, found: Found): number;
  labelOf(image: number): number;
  all(): ExaminedImages;
}

function imageColumns(): ImageColumns {
  const ids: string[] = [];
  const failures = new Map<number, SslResnextError>();
  const classes = new Map<string, number>();
  const contentOf = new Map<string, number>();
  const bytes = (length: number): Uint8Array => new Uint8Array(length);
  const uint32 = (length: number): Uint32Array => new Uint32Array(length);
  const int32 = (length: number): Int32Array => new Int32Array(length);
  const [sets, orientations, grey] = [growingArray(bytes), growingArray(bytes), growingArray(bytes)];
  const [labels, contents] = [growingArray(int32), growingArray(int32)];
  const [widths, heights] = [growingArray(uint32), growingArray(uint32)];

  const contentNumber = ({ hash, examined }: Found): number => {
    if (hash === undefined || "error" in examined) return -1;
    const known = contentOf.get(hash);
    if (known !== undefined) return known;
    contentOf.set(hash, contentOf.size);
    widths.push(examined.width);
    heights.push(examined.height);
    orientations.push(examined.orientation);
    grey.append(examined.grey.length, (room) => {
      room.set(examined.grey);
      return examined.grey.length;
    });
    return contentOf.size - 1;
  };
  return {
    add(set, { id, label }, found) {
      const at = ids.push(id) - 1;
      if (label !== undefined && !classes.has(label)) classes.set(label, classes.size);
      sets.push(imageSets.indexOf(set));
      labels.push(label === undefined ? -1 : classes.get(label)!);
      contents.push(contentNumber(found));
      if ("error" in found.examined) failures.set(at, found.examined.error);
      return at;
    },
    labelOf: (image) => labels.values()[image]!,
    all: () => ({
      ids,
      sets: sets.values(),
      classes: [...classes.keys()],
      labels: labels.values(),
      contents: contents.values(),
      failures,
      widths: widths.values(),
      heights: heights.values(),
      orientations: orientations.values(),
      grey: grey.values(),
    }),
  };
}
