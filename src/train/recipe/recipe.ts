import type { MixingOptions, Sampler } from "../../data/index.ts";
import type { AugmentationOptions } from "../../image/augment/options.ts";
import type { Decay } from "../optimizers.ts";

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

/** A recipe under a name: what differs from the defaults. */
export interface BuiltInRecipe {
  readonly about: string;
  readonly values: Readonly<Partial<Recipe>>;
}

export type RecipeName = "card-finetune" | "paper-pretrain" | "supervised" | "quick";

/** The paper's objective: plain softmax cross-entropy. */
const plain = { smoothing: 0 } as const;

/** Recipes by name. */
export const builtInRecipes: Readonly<Record<RecipeName, BuiltInRecipe>> = {
  "card-finetune": {
    about: "the model cards' fine-tuning: three drops by 0.1 in 30 epochs, LR 0.0015 at batch 1536",
    values: {
      epochs: 30,
      batchSize: 32,
      learningRate: 0.0015,
      referenceBatch: 1536,
      schedule: "step",
      drops: 3,
      ...plain,
    },
  },
  "paper-pretrain": {
    about: "the paper's pre-training: 1e9 images, warm-up 0.1 to 0.6 at batch 1536, then 13 halvings",
    values: {
      images: 1e9,
      learningRate: 0.6,
      referenceBatch: 1536,
      schedule: "halving",
      drops: 13,
      // Five epochs of ImageNet, after Goyal et al. (2017); the paper gives no length.
      warmUp: 0.0064,
      warmUpStart: 0.1,
      validationShare: 0.001,
      ...plain,
    },
  },
  supervised: {
    about: "ImageNet from random weights: 90 epochs, LR 0.1 at batch 256, drops by 0.1 every 30 epochs",
    values: { epochs: 90, schedule: "step", drops: 2, ...plain },
  },
  quick: {
    about: "a small data set in minutes: 20 epochs, warm-up, cosine, Nesterov's momentum",
    values: {
      epochs: 20,
      batchSize: 32,
      learningRate: 0.1,
      warmUp: 0.05,
      nesterov: true,
      weightDecay: 5e-4,
      scale: [0.35, 1],
      validationShare: 0.2,
    },
  },
};

export const recipeNames: readonly RecipeName[] = Object.keys(builtInRecipes) as RecipeName[];

/** The recipe of a run that names none. */
export const defaultRecipe: RecipeName = "quick";
