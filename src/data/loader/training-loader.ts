import * as z from "zod";
import { expectation, problemLines, UsageError, type SslResnextError } from "../../core/index.ts";
import type { AugmentationOptions } from "../../image/augment/options.ts";
import type { DecodeLimits, Preprocessing } from "../../image/index.ts";
import type { ImageSource } from "../image-source.ts";
import type { MixingOptions } from "../mixing.ts";
import type { Sampler } from "./epoch-order.ts";

/** Batches of augmented images, epoch after epoch; each platform has one of these. */
export interface TrainingLoader {
  /** Class names in the order of the targets' columns; none where the images have no labels. */
  readonly classes: readonly string[];
  /**
   * Number of images that can be trained on, as far as they were looked at, all processes together; those that a model labelled
   * do not count.
   */
  readonly images: number;
  /** The others: without a label, or rows of a table that hold no image. */
  readonly leftOut: readonly SkippedImage[];
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
   * The arrays are empty from then on. Those of a batch that another loader made, or that was given back already, are let
   * alone, and so are arrays of another size.
   *
   * @param arrays Where the memory is now, if it moved: a training step gives it back. @default the batch's own
   */
  recycle(batch: TrainingBatch, arrays?: BatchArrays): void;
  /** Ends the workers; iterations under way, and later ones, reject with `runtime/released`. */
  close(): Promise<void>;
}

/** Where to enter an epoch, and when to leave it. */
export interface EpochOptions {
  /** Index of the first batch wanted. @default 0 */
  readonly fromBatch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a batch holds; the memory belongs to whoever receives the batch. */
export interface BatchArrays {
  /** [size · views, channels, height, width], augmented and normalised; the views of an image stand together. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [size, classes]: probabilities after label smoothing and mixing. */
  readonly targets: Float32Array<ArrayBuffer>;
}

/** Images and targets of one step. */
export interface TrainingBatch extends BatchArrays {
  /** Number of images. */
  readonly size: number;
  readonly epoch: number;
  /** Index of the batch in its epoch. */
  readonly batch: number;
  /** Images that should have been in this batch and cannot be read; others took their places. */
  readonly skipped: readonly SkippedImage[];
}

/** An image that cannot be read. */
export interface SkippedImage {
  readonly id: string;
  readonly error: SslResnextError;
}

/** How a data set becomes batches. */
export interface TrainingLoaderOptions {
  /** Images of a batch of this process. */
  readonly batchSize: number;
  /** Says which batch is taken of fewer images than the batches of all processes. @default none: they are refused */
  readonly smallerBatch?: ((images: number) => number) | undefined;
  /** Decides, together with epoch and position, every random choice. */
  readonly seed: number;
  /** Size of the images, and how they are normalised. */
  readonly preprocessing: Pick<Preprocessing, "inputSize" | "mean" | "std" | "exifOrientation">;
  /** 1 for images in grey. @default 3 */
  readonly channels?: number | undefined;
  /** @default timm's */
  readonly augmentation?: AugmentationOptions | undefined;
  /** Mixup, cutmix and label smoothing. @default timm's */
  readonly mixing?: MixingOptions | undefined;
  /**
   * Gives so many views of each image, each augmented for itself, and no targets: labels are not looked at.
   *
   * @default undefined: one view, and its label
   */
  readonly views?: number | undefined;
  /**
   * Images with the classes that a model took them for: they are every second one of each batch, and those of the source the
   * others. What {@link augmentation} does to a share of the images only (`augmentProb`), it does to these first.
   */
  readonly pseudoLabelled?: ImageSource | undefined;
  /**
   * Class names in the order of the targets' columns; no others may occur.
   *
   * @default those of the source, in natural order
   */
  readonly classes?: readonly string[] | undefined;
  /** Whether classes without images are kept instead of refused. @default false */
  readonly classesMayBeEmpty?: boolean | undefined;
  /** @default "shuffled" */
  readonly sampler?: Sampler | undefined;
  /**
   * Which of the processes that share each epoch this is. Of so many images as their batches have together, the first process
   * has the first ones, the next one those after them: together they see what one process with that batch sees.
   *
   * @default 0
   */
  readonly rank?: number | undefined;
  /** Number of processes that share each epoch. @default 1 */
  readonly worldSize?: number | undefined;
  /** Threads that read, decode and augment; the batches do not depend on it. @default one for each core, at most 8 */
  readonly workers?: number | undefined;
  /**
   * What becomes of an image that cannot be read: `skip` puts another into its place and names it in the batch,
   * `fail` ends the epoch.
   *
   * @default "skip"
   */
  readonly onBrokenImage?: "skip" | "fail" | undefined;
  /**
   * Decoded images are kept in memory from the first epoch on when all of them are expected to fit into so many
   * bytes; 0 decodes them each time.
   *
   * @default 536870912
   */
  readonly cacheBytes?: number | undefined;
  readonly decode?: DecodeLimits | undefined;
  /** Stops the opening. */
  readonly signal?: AbortSignal | undefined;
}

/** The options that are numbers and choices, with their defaults. */
interface CheckedLoaderOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly sampler: Sampler;
  readonly rank: number;
  readonly worldSize: number;
  readonly workers?: number | undefined;
  readonly onBrokenImage: "skip" | "fail";
  readonly cacheBytes: number;
}

const count = z.int().min(1);

const schema: z.ZodType<CheckedLoaderOptions> = z
  .object({
    batchSize: count,
    seed: z.int().min(0),
    sampler: z.enum(["shuffled", "class-balanced", "sequential"]).default("shuffled"),
    rank: z.int().min(0).default(0),
    worldSize: count.default(1),
    workers: count.max(256).optional(),
    onBrokenImage: z.enum(["skip", "fail"]).default("skip"),
    cacheBytes: z
      .int()
      .min(0)
      .default(512 * 2 ** 20),
  })
  .refine(({ rank, worldSize }) => rank < worldSize, {
    path: ["rank"],
    message: "must be below worldSize",
  });

/**
 * The options that are numbers and choices, checked and filled in.
 *
 * @throws UsageError `data/loader-options` that names every field that is out of range.
 */
export function checkLoaderOptions(options: TrainingLoaderOptions): CheckedLoaderOptions {
  const result = schema.safeParse(options, { error: expectation });
  if (result.success) return result.data;
  throw new UsageError(
    "data/loader-options",
    `The options of the training loader are not usable; correct these fields:\n${problemLines(result.error, options)}`,
    { cause: result.error },
  );
}
