import { availableParallelism } from "node:os";
import { UsageError } from "../../core/index.ts";
import {
  checkLoaderOptions,
  defaultMixing,
  indexImages,
  trainingLabels,
  type ImageSource,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "../../data/index.ts";
import { defaultAugmentation } from "../../image/augment/index.ts";
import { startWorkerThread, workerScript, type WorkerThread } from "../worker-thread.ts";
import type { BatchSettings } from "./make-batch.ts";
import { openCache } from "./open-cache.ts";
import { shareArray, shareIndex } from "./share-index.ts";
import { spillFile } from "./spill-file.ts";
import { trainingLoader } from "./training-loader.ts";

/**
 * Opens a data set for training: walks it once, numbers its classes, and starts the threads that make its batches.
 *
 * Images that can only be read in order where they are, in Parquet tables and compressed archives, are copied once to
 * the system's temporary folder.
 *
 * @throws DataError `data/no-images`, `data/unlabelled`, `data/empty-classes`, `data/class-mismatch`, and what the
 *   source throws; UsageError `data/loader-options`, `data/batch-too-large`.
 */
export async function openTrainingLoader(
  source: ImageSource,
  options: TrainingLoaderOptions,
): Promise<TrainingLoader> {
  const { signal, decode = {} } = options;
  const { batchSize, seed, sampler, rank, worldSize, ...checked } = checkLoaderOptions(options);
  const workers = checked.workers ?? Math.min(availableParallelism(), mostDefaultWorkers);
  const spill = spillFile();
  const script = workerScript("training");
  const threads = Array.from({ length: workers }, () => startWorkerThread(script));
  const end = async (): Promise<void> => {
    await Promise.all(threads.map(endWhenSettled));
    await spill.remove();
  };

  try {
    const images = await indexImages(source, spill.keep, signal);
    await spill.finish();
    const { classes, labels } = trainingLabels(images, {
      found: source.classes,
      wanted: options.classes,
      mayBeEmpty: options.classesMayBeEmpty,
    });
    const shard = Math.ceil(labels.length / worldSize);
    if (batchSize > shard) throw batchTooLarge(batchSize, shard, worldSize);

    const index = shareIndex(images.index);
    const settings: BatchSettings = {
      index,
      labels: shareArray(labels),
      classes: classes.length,
      seed,
      transform: {
        preprocessing: options.preprocessing,
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
      batchSize,
      batchesPerEpoch: Math.floor(shard / batchSize),
      order: { labels: settings.labels, seed, sampler, rank, worldSize },
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
async function endWhenSettled(thread: WorkerThread): Promise<void> {
  await thread.call("settle", undefined).catch(() => undefined);
  await thread.end();
}

function batchTooLarge(batchSize: number, images: number, worldSize: number): UsageError {
  const share = worldSize > 1 ? `, the share of one of ${worldSize} processes` : "";
  return new UsageError(
    "data/batch-too-large",
    `A batch of ${batchSize} needs at least as many images; there are ${images}${share}. Lower the batch size or add images.`,
  );
}
