import type { SslResnextError } from "../../core/index.ts";

/** What a batch holds; the memory belongs to whoever receives the batch. */
export interface BatchArrays {
  /** [size, 3, height, width], augmented and normalised. */
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
