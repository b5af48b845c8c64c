import type { BatchArrays, TrainingBatch } from "./training-batch.ts";

/** Batches of augmented images, epoch after epoch; each platform has one of these. */
export interface TrainingLoader {
  /** Class names in the order of the targets' columns. */
  readonly classes: readonly string[];
  /** Number of images of the data set, all processes together. */
  readonly images: number;
  /** Whole batches of an epoch; what is left over is dropped, as timm does when it trains. */
  readonly batchesPerEpoch: number;
  /**
   * The batches of an epoch, made ahead of the consumer by a few.
   *
   * What they hold depends on the seed, the epoch and the index of the batch alone: neither on the number of workers
   * nor on where the epoch is entered.
   *
   * @throws SessionError `runtime/worker-crashed`, `runtime/released`; DataError `data/broken-images` when image after
   *   image cannot be read; the signal's reason.
   */
  epoch(epoch: number, options?: EpochOptions): AsyncIterableIterator<TrainingBatch>;
  /**
   * Takes the memory of a batch that is done with, for one that is still to be made: fresh memory for every batch costs
   * the system's time to hand out, and the garbage collector's to find.
   *
   * The arrays of the batch are empty from then on. Those that were transferred elsewhere, or that another loader made,
   * are let alone.
   */
  recycle(batch: BatchArrays): void;
  /** Ends the workers; iterations under way, and later ones, reject with `runtime/released`. */
  close(): Promise<void>;
}

/** Where to enter an epoch, and when to leave it. */
export interface EpochOptions {
  /** Index of the first batch wanted. @default 0 */
  readonly fromBatch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
