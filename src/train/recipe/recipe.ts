import type { Recipe } from "./fields.ts";

/** A recipe under a name: what differs from the defaults. */
export interface BuiltInRecipe {
  readonly about: string;
  readonly values: Readonly<Partial<Recipe>>;
}

export type RecipeName = "card-finetune" | "paper-pretrain" | "supervised" | "quick" | "tune" | "adapt";

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
  tune: {
    about:
      "a trained network from a classifier that was fitted first: 12,800 images, rate 0.005, frozen statistics",
    values: {
      images: 12_800,
      batchSize: 32,
      learningRate: 0.005,
      referenceBatch: null,
      warmUp: 0.05,
      nesterov: true,
      weightDecay: 5e-4,
      clipNorm: 1,
      batchNorm: "frozen",
      scale: [0.35, 1],
      autoAugment: "rand-m9-mstd0.5-inc1",
      augmentProb: 0.5,
      validationShare: 0,
      ...plain,
    },
  },
  adapt: {
    about: "a trained network to images without labels: SimCLR, 12 epochs, pairs of strongly varied views",
    values: {
      mode: "adapt",
      epochs: 12,
      batchSize: 64,
      learningRate: 0.03,
      referenceBatch: 64,
      warmUp: 0.08,
      nesterov: true,
      weightDecay: 5e-4,
      scale: [0.25, 1],
      colorJitter: [0.4, 0.4, 0.4, 0.1],
      colorJitterProb: 0.8,
      grayscaleProb: 0.2,
      gaussianBlurProb: 0.5,
      validationShare: 0,
      ...plain,
    },
  },
};

export const recipeNames: readonly RecipeName[] = Object.keys(builtInRecipes) as RecipeName[];

/** The recipe of a run that names none. */
export const defaultRecipe: RecipeName = "quick";

/** The recipe by which mode `auto` trains the whole network, where it names no other. */
export const autoRecipe: RecipeName = "tune";
