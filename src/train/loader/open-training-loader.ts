import { UsageError } from "../../core/index.ts";
import type { GrowingFile } from "../../core/storage/index.ts";
import {
  checkLoaderOptions,
  defaultMixing,
  indexImages,
  trainingLabels,
  usableImages,
  withoutLabels,
  type ImageIndex,
  type ImageItem,
  type ImageSource,
  type KeepBytes,
  type SkippedImage,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "../../data/index.ts";
import { defaultAugmentation } from "../../image/augment/options.ts";
import { decodeOptionsOf } from "../../image/index.ts";
import type { Thread } from "../../runtime/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import {
  brokenImage,
  decodedCache,
  type BatchSettings,
  type DecodedCache,
  type MeasureRequest,
} from "./batch-worker.ts";
import { trainingLoader } from "./training-loader.ts";

/** What a loader needs of its platform. */
export type LoaderPlatform = Pick<
  TrainingPlatform,
  "startThread" | "machine" | "storageFor" | "temporaryFolder"
>;

/**
 * Opens a data set for training: walks it once, numbers its classes, and starts the threads that make its batches.
 *
 * Images that can only be read in order where they are, in Parquet tables and compressed archives, are copied once to
 * a temporary folder. Those without a label are left out where labels are needed, unless all are.
 *
 * @throws DataError `data/no-images`, `data/unlabelled`, `data/empty-classes`, `data/class-mismatch`, and what the
 *   source throws; UsageError `data/loader-options`, `data/batch-too-large`.
 */
export async function openTrainingLoader(
  platform: LoaderPlatform,
  source: ImageSource,
  options: TrainingLoaderOptions,
): Promise<TrainingLoader> {
  const { signal } = options;
  const decode = decodeOptionsOf(options.preprocessing, options.decode);
  const { seed, sampler, rank, worldSize, ...checked } = checkLoaderOptions(options);
  const workers = checked.workers ?? Math.min(platform.machine().cores, mostDefaultWorkers);
  const spill = spillFile(platform);
  const threads = Array.from({ length: workers }, () => platform.startThread("training"));
  const end = async (): Promise<void> => {
    await Promise.all(threads.map(endWhenSettled));
    await spill.remove();
  };

  try {
    const { views, pseudoLabelled } = options;
    const leftOut: SkippedImage[] = [];
    const usable = (some: ImageSource): AsyncGenerator<ImageItem> =>
      usableImages(some, { labels: views === undefined }, (image) => {
        if (checked.onBrokenImage === "fail") throw brokenImage(image);
        leftOut.push(image);
      });
    let trueLabels = 0;
    async function* all(): AsyncGenerator<ImageItem> {
      for await (const item of usable(source)) {
        trueLabels++;
        yield item;
      }
      if (pseudoLabelled) yield* usable(pseudoLabelled);
    }
    const images = await indexImages(all(), spill.keep, signal);
    await spill.finish();
    const { classes, labels } =
      views === undefined
        ? trainingLabels(images, {
            found: source.classes,
            // A model that labels has no say in which classes there are.
            wanted: options.classes ?? (pseudoLabelled && source.classes),
            mayBeEmpty: options.classesMayBeEmpty,
            trueLabels,
          })
        : withoutLabels(images);
    const isTooLarge = checked.batchSize * worldSize > trueLabels;
    const batchSize = (isTooLarge && options.smallerBatch?.(trueLabels)) || checked.batchSize;
    if (batchSize * worldSize > trueLabels) throw batchTooLarge(batchSize, trueLabels, worldSize);

    const index = shareIndex(images.index);
    const settings: BatchSettings = {
      index,
      labels: shareArray(labels),
      trueLabels,
      classes: classes.length,
      views: views ?? 1,
      seed,
      transform: {
        preprocessing: options.preprocessing,
        channels: options.channels,
        augmentation: options.augmentation ?? defaultAugmentation,
      },
      mixing: options.mixing ?? defaultMixing,
      decode,
      onBrokenImage: checked.onBrokenImage,
      cache: await openCache(threads[0]!, { index, decode }, checked.cacheBytes),
    };
    await Promise.all(threads.map((thread) => thread.call("open", settings, { signal })));
    return trainingLoader({
      threads,
      classes,
      leftOut,
      batchSize,
      rank,
      worldSize,
      batchesPerEpoch: Math.floor(trueLabels / (batchSize * worldSize)),
      order: { labels: settings.labels, trueLabels, seed, sampler },
      end,
    });
  } catch (error) {
    await end();
    throw error;
  }
}

/** More threads than decode photographs for any one step; each holds a batch. */
const mostDefaultWorkers = 8;

/** Ends a thread between batches; one that is gone already is no failure. */
async function endWhenSettled(thread: Thread): Promise<void> {
  await thread.call("settle", undefined).catch(() => undefined);
  await thread.end();
}

function batchTooLarge(batchSize: number, images: number, worldSize: number): UsageError {
  const batch = worldSize > 1 ? `${batchSize} for each of ${worldSize} processes` : `${batchSize}`;
  return new UsageError(
    "data/batch-too-large",
    `A batch of ${batch} needs at least as many images; there are ${images}. Lower the batch size or add images.`,
  );
}

/** Images that are decoded to learn the size of all. */
const sampled = 32;
/** Room for a sample whose images happen to be small. */
const slack = 1.25;

/** A cache for all decoded images; undefined when they are not expected to fit into `bytes`. */
async function openCache(
  thread: Thread,
  { index, decode }: Pick<MeasureRequest, "index" | "decode">,
  bytes: number,
): Promise<DecodedCache | undefined> {
  if (bytes === 0 || !sharesMemory) return undefined;
  const count = Math.min(sampled, index.size);
  const images = Array.from({ length: count }, (_, i) => Math.floor((i * index.size) / count));
  const request: MeasureRequest = { index, decode, images };
  const sizes = await thread.call<readonly number[]>("measure", request);
  if (sizes.length === 0) return undefined;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const expected = mean * index.size;
  return expected > bytes ? undefined : decodedCache(index.size, Math.min(expected * slack, bytes));
}

/** The same index in memory that all threads see, so that it stands there once however many workers there are. */
function shareIndex(index: ImageIndex): ImageIndex {
  return {
    size: index.size,
    strings: index.strings,
    prefixes: shareArray(index.prefixes),
    text: shareArray(index.text),
    ends: shareArray(index.ends),
    files: shareArray(index.files),
    offsets: shareArray(index.offsets),
    lengths: shareArray(index.lengths),
  };
}

/** Pages that are not isolated across origins share no memory; each thread gets a copy of its own. */
const sharesMemory = "SharedArrayBuffer" in globalThis;

/** A copy in memory that all threads see. */
function shareArray<Numbers extends Uint8Array | Uint32Array | Float64Array>(values: Numbers): Numbers {
  if (!sharesMemory) return values;
  const make = values.constructor as new (buffer: SharedArrayBuffer) => Numbers;
  const shared = new make(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}

/** A temporary file for images that can only be read in order where they are. */
interface SpillFile {
  /** Appends the bytes of an image. @throws DataError when the disk is full or may not be written to */
  readonly keep: KeepBytes;
  /** Ends the writing; what was written can be read until the file is removed. */
  finish(): Promise<void>;
  remove(): Promise<void>;
}

/** A file in a temporary folder that is created when the first image comes. */
function spillFile({ storageFor, temporaryFolder }: LoaderPlatform): SpillFile {
  let folder: string | undefined;
  let file: GrowingFile | undefined;

  return {
    async keep(bytes) {
      folder ??= await temporaryFolder();
      const storage = storageFor(folder);
      const path = storage.join(folder, "images");
      file ??= await storage.grow(path);
      const offset = file.size;
      await file.append(bytes);
      return { path, offset, length: bytes.byteLength };
    },
    async finish() {
      await file?.close();
      file = undefined;
    },
    async remove() {
      await file?.close();
      if (folder !== undefined) await storageFor(folder).remove(folder);
    },
  };
}
