import type { MixingOptions, Sampler } from "../../data/index.ts";
import type { AugmentationOptions } from "../../image/augment/index.ts";
import type { Decay } from "../optimizers/optimizer.ts";

/** Everything that decides what a training run does to a model, besides the model and the images. */
export interface Recipe extends AugmentationOptions, MixingOptions {
  /** Decides every random choice of the run. */
  readonly seed: number;
  /** `full` trains all, `last-stages` the last stages and the classifier, `head` the classifier on embeddings. */
  readonly mode: "full" | "last-stages" | "head";
  /** Stages that mode `last-stages` trains. */
  readonly lastStages: number;

  /** Length of the run in passes over the images; null when `images` gives it. */
  readonly epochs: number | null;
  /** Length of the run in images processed; null when `epochs` gives it. */
  readonly images: number | null;
  /** Images of one step of the optimiser. */
  readonly batchSize: number;
  /** Images that are computed at once; their gradients are averaged for one step. Null: the batch. */
  readonly microBatch: number | null;
  readonly sampler: Sampler;

  /** Highest learning rate, for a batch of `referenceBatch` images. */
  readonly learningRate: number;
  /** Learning rates are scaled by batchSize / referenceBatch; null leaves them as they are. */
  readonly referenceBatch: number | null;
  readonly schedule: "constant" | "step" | "multistep" | "halving" | "cosine";
  /** Drops of `step` and `halving`, at equal spacing over the run. */
  readonly drops: number;
  /** Factor of each drop of `step` and `multistep`. */
  readonly dropFactor: number;
  /** Where `multistep` drops, in shares of the run. */
  readonly milestones: readonly number[];
  /** Share of the learning rate at which `cosine` ends. */
  readonly finalFactor: number;
  /** Share of the run in which the learning rate rises linearly. */
  readonly warmUp: number;
  /** Learning rate at which the warm-up starts; scaled as `learningRate` is. */
  readonly warmUpStart: number;

  readonly optimizer: "sgd" | "adamw";
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly decay: Decay;
  /** Largest norm of all gradients together; null does not clip. */
  readonly clipNorm: number | null;
  /** Decay of the moving average of weights that is validated and kept; null keeps none. */
  readonly emaDecay: number | null;
  /** Factor of the classifier's learning rate. */
  readonly headRateFactor: number;
  readonly batchNorm: "live" | "frozen";
  readonly dropRate: number;
  readonly dropPathRate: number;

  /** Side of the images in pixels; null: the model's. */
  readonly inputSize: number | null;
  /** Share of each class that is held out for validation when no validation images are given. */
  readonly validationShare: number;
  readonly onBrokenImage: "skip" | "fail";
  /** Epochs between checkpoints that are kept; null keeps the last and the best only. */
  readonly checkpointEvery: number | null;
  /** Minutes between saves of the last checkpoint within an epoch. */
  readonly saveMinutes: number;
}
