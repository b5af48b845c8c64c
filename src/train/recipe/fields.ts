import * as z from "zod";
import { mixingFields, type MixingOptions } from "../../data/mixing.ts";
import { augmentationFields, type AugmentationOptions } from "../../image/augment/options.ts";

/** What a value that is given by name accepts, with its default, and what it means. */
export interface Field<T, Group extends string> {
  readonly schema: z.ZodType<T>;
  /** One line for help texts and tables. */
  readonly about: string;
  /** What stands for the value in a help text: `<images>`. */
  readonly value: string;
  readonly group: Group;
}

/** Makes fields of a group. */
export const fieldOf =
  <Group extends string>(group: Group) =>
  <T>(schema: z.ZodType<T>, value: string, about: string): Field<T, Group> => ({
    schema,
    value,
    about,
    group,
  });

export type RecipeGroup = "run" | "schedule" | "optimiser" | "augmentation" | "keeping";

/** What a table of fields gives, once its values are checked. */
export type FieldValues<Fields extends Readonly<Record<string, Field<unknown, string>>>> = {
  readonly [Name in keyof Fields]: z.output<Fields[Name]["schema"]>;
};

const run = fieldOf("run");
const schedule = fieldOf("schedule");
const optimiser = fieldOf("optimiser");
const augmentation = fieldOf("augmentation");
const keeping = fieldOf("keeping");

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const rate = z.number().min(0).lt(1);
const positive = z.number().positive();

/** What a recipe trains. */
export const recipeModes = ["full", "last-stages", "head", "adapt"] as const;

const trainingFields = {
  /** Decides every random choice of the run. */
  seed: run(
    z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0),
    "<number>",
    "decides every random choice",
  ),
  /**
   * `full` trains all, `last-stages` the last stages and the classifier, `head` the classifier on embeddings, `adapt` all
   * but the classifier, without labels.
   */
  mode: run(
    z.enum(recipeModes).default("full"),
    "<mode>",
    "what is trained: full, last-stages, head (the classifier, on embeddings that are computed once), or adapt (all but the classifier, on images without labels)",
  ),
  /** Stages that mode `last-stages` trains. */
  lastStages: run(z.int().min(0).max(4).default(1), "<count>", "stages that mode last-stages trains"),
  /** Length of the run in passes over the images; null when `images` gives it. */
  epochs: run(count.nullable().default(null), "<count>", "length in passes over the images"),
  /** Length of the run in images processed; null when `epochs` gives it. */
  images: run(count.nullable().default(null), "<count>", "length in images processed, instead of epochs"),
  /** Ends the run after so many epochs in a row without a better top-1 on the validation images; null: never. */
  patience: run(
    count.nullable().default(null),
    "<epochs>",
    "end after so many epochs in a row that were no better on the validation images (null: never)",
  ),
  /** Images of one step of the optimiser. */
  batchSize: run(count.max(1e6).default(256), "<images>", "images of one step"),
  /** Images that are computed at once; their gradients are averaged for one step. Null: the batch, or what fits into memory. */
  microBatch: run(
    count.nullable().default(null),
    "<images>",
    "images computed at once: fewer need less memory; batch statistics are then theirs (null: as many as fit)",
  ),
  sampler: run(
    z.enum(["shuffled", "class-balanced", "sequential"]).default("shuffled"),
    "<order>",
    "shuffled, class-balanced (each class equally often) or sequential",
  ),
  /** Whether images are turned upright as their EXIF orientation says, in training and wherever the model is used then. */
  exif: run(
    z.boolean().default(true),
    "[true|false]",
    "turn photographs upright as their EXIF orientation says, and go on doing so; timm does not",
  ),
  /** Side of the images in pixels; null: the model's. */
  inputSize: run(
    count.max(4096).nullable().default(null),
    "<pixels>",
    "side of the square that the model sees, and goes on seeing (null: the model's)",
  ),

  /** Highest learning rate, for a batch of `referenceBatch` images. */
  learningRate: schedule(
    positive.default(0.1),
    "<rate>",
    "the highest, for a batch of reference-batch images",
  ),
  /** Learning rates are scaled by batchSize / referenceBatch; null leaves them as they are. */
  referenceBatch: schedule(
    count.nullable().default(256),
    "<images>",
    "learning rates are scaled by batch-size / reference-batch (null: not)",
  ),
  schedule: schedule(
    z.enum(["constant", "step", "multistep", "halving", "cosine"]).default("cosine"),
    "<name>",
    "constant, step, multistep, halving or cosine",
  ),
  /** Drops of `step` and `halving`, at equal spacing over the run. */
  drops: schedule(z.int().min(0).max(1000).default(2), "<count>", "equally spaced drops of step and halving"),
  /** Factor of each drop of `step` and `multistep`. */
  dropFactor: schedule(positive.lte(1).default(0.1), "<factor>", "factor of a drop of step and multistep"),
  /** Where `multistep` drops, in shares of the run. */
  milestones: schedule(
    z.array(share).readonly().default([]),
    "<shares>",
    "where multistep drops, in shares of the run: 0.5,0.75",
  ),
  /** Share of the learning rate at which `cosine` ends. */
  finalFactor: schedule(share.default(0), "<share>", "share of the learning rate at which cosine ends"),
  /** Share of the run in which the learning rate rises linearly. */
  warmUp: schedule(rate.default(0), "<share>", "share of the run in which the learning rate rises"),
  /** Learning rate at which the warm-up starts; scaled as `learningRate` is. */
  warmUpStart: schedule(z.number().min(0).default(0), "<rate>", "learning rate at which it starts to rise"),

  optimizer: optimiser(z.enum(["sgd", "adamw"]).default("sgd"), "<name>", "sgd or adamw"),
  momentum: optimiser(rate.default(0.9), "<share>", "momentum of sgd"),
  nesterov: optimiser(z.boolean().default(false), "[true|false]", "Nesterov's momentum, as timm's sgd"),
  weightDecay: optimiser(z.number().min(0).default(1e-4), "<factor>", "decay of the weights"),
  decay: optimiser(
    z.enum(["weights", "all"]).default("weights"),
    "<which>",
    "what decays: weights (of convolutions and classifier) or all",
  ),
  /** Largest norm of all gradients together; null does not clip. */
  clipNorm: optimiser(
    positive.nullable().default(null),
    "<norm>",
    "largest norm of all gradients (null: none)",
  ),
  /** Decay of the moving average of weights that is validated and kept; null keeps none. */
  emaDecay: optimiser(
    rate.nullable().default(null),
    "<decay>",
    "keep, validate and export a moving average of the weights, such as 0.999 (null: none)",
  ),
  /** Factor of the classifier's learning rate. */
  headRateFactor: optimiser(positive.default(1), "<factor>", "factor of the classifier's learning rate"),
  batchNorm: optimiser(
    z.enum(["live", "frozen"]).default("live"),
    "<state>",
    "live (the batch's statistics) or frozen (the stored ones)",
  ),
  /** Divides the similarities of views in mode `adapt` (Chen et al. 2020, SimCLR). */
  temperature: optimiser(
    positive.default(0.2),
    "<factor>",
    "of mode adapt: the smaller, the more the nearest other images count",
  ),
  dropRate: optimiser(rate.default(0), "<share>", "dropout before the classifier"),
  dropPathRate: optimiser(rate.default(0), "<share>", "stochastic depth, rising over the blocks"),
};

/** What these values mean in full stands with the options that they are. */
const imageFields = {
  crop: augmentation(
    augmentationFields.crop,
    "<kind>",
    "random-resized, or random (short side, then padding)",
  ),
  scale: augmentation(augmentationFields.scale, "<from,to>", "area of a random-resized crop, in shares"),
  ratio: augmentation(augmentationFields.ratio, "<from,to>", "width : height of a random-resized crop"),
  interpolation: augmentation(augmentationFields.interpolation, "<filter>", "random, bilinear or bicubic"),
  padding: augmentation(augmentationFields.padding, "<pixels>", "border before a random crop"),
  paddingMode: augmentation(augmentationFields.paddingMode, "<mode>", "constant (black) or reflect"),
  hflip: augmentation(augmentationFields.hflip, "<probability>", "flip from left to right"),
  vflip: augmentation(augmentationFields.vflip, "<probability>", "flip from top to bottom"),
  colorJitter: augmentation(
    augmentationFields.colorJitter,
    "<strength>",
    "brightness, contrast and saturation: one number or three, hue as a fourth (null: none)",
  ),
  colorJitterProb: augmentation(augmentationFields.colorJitterProb, "<probability>", "of color-jitter"),
  grayscaleProb: augmentation(
    augmentationFields.grayscaleProb,
    "<probability>",
    "that an image becomes grey",
  ),
  gaussianBlurProb: augmentation(
    augmentationFields.gaussianBlurProb,
    "<probability>",
    "of a Gaussian blur: sigma 0.1 to 2, a kernel of a tenth of the side",
  ),
  autoAugment: augmentation(
    augmentationFields.autoAugment,
    "<policy>",
    "RandAugment as timm writes it: rand-m9-mstd0.5-inc1 (null: none)",
  ),
  augmentProb: augmentation(
    augmentationFields.augmentProb,
    "<probability>",
    "that an image gets more than crop and flips: any change of colours, blur or erasing",
  ),
  reProb: augmentation(augmentationFields.reProb, "<probability>", "random erasing"),
  reMode: augmentation(augmentationFields.reMode, "<mode>", "const, rand or pixel: what erased parts become"),
  reCount: augmentation(augmentationFields.reCount, "<count>", "largest number of erased parts"),
  mixup: augmentation(mixingFields.mixup, "<alpha>", "mixup (0: none)"),
  cutmix: augmentation(mixingFields.cutmix, "<alpha>", "cutmix (0: none)"),
  cutmixMinmax: augmentation(mixingFields.cutmixMinmax, "<from,to>", "side of cutmix's box, in shares"),
  mixupProb: augmentation(mixingFields.mixupProb, "<probability>", "that a batch is mixed at all"),
  mixupSwitchProb: augmentation(
    mixingFields.mixupSwitchProb,
    "<probability>",
    "of cutmix where mixup and cutmix are on",
  ),
  smoothing: augmentation(mixingFields.smoothing, "<share>", "label smoothing"),
} satisfies { readonly [K in keyof (AugmentationOptions & MixingOptions)]: Field<unknown, RecipeGroup> };

const dataFields = {
  onBrokenImage: augmentation(
    z.enum(["skip", "fail"]).default("skip"),
    "<what>",
    "skip an image that cannot be read and name it, or fail",
  ),

  /** Share of each class that is held out for validation when no validation images are given. */
  validationShare: keeping(
    rate.default(0.1),
    "<share>",
    "of each class, held out when no validation images are given (0: none)",
  ),
  /** Epochs between checkpoints that are kept; null keeps the last and the best only. */
  checkpointEvery: keeping(
    count.nullable().default(null),
    "<epochs>",
    "keep a checkpoint of every so many epochs (null: the last and the best)",
  ),
  /** Minutes between saves of the last checkpoint within an epoch. */
  saveMinutes: keeping(
    z.number().min(0).default(5),
    "<minutes>",
    "save the last checkpoint so often within an epoch",
  ),
};

/** Every value of a recipe: its name in YAML and in the library; flags are the same in kebab-case. */
export const recipeFields = { ...trainingFields, ...imageFields, ...dataFields };

/** Everything that decides what a training run does to a model, besides the model and the images. */
export interface Recipe
  extends
    FieldValues<typeof trainingFields>,
    AugmentationOptions,
    MixingOptions,
    FieldValues<typeof dataFields> {}

/** The names of a recipe's values, in the order in which they are shown. */
export const recipeKeys: readonly (keyof Recipe)[] = Object.keys(recipeFields) as (keyof Recipe)[];
