import * as z from "zod";
import { parseRandAugment } from "./rand-augment-policy.ts";

const probability = z.number().min(0).max(1);
const strength = z.number().min(0);
const range = z
  .tuple([z.number().positive(), z.number().positive()])
  .readonly()
  .refine(([from, to]) => from <= to, "the first number must not exceed the second");

/** What each option accepts, with its default. */
export const augmentationFields = {
  /**
   * `random-resized`: a part of random area and shape becomes the input. `random`: the short side becomes the input
   * size, and a square is cut after `padding`, as is usual for CIFAR.
   *
   * @default "random-resized"
   */
  crop: z.enum(["random-resized", "random"]).default("random-resized"),
  /** Smallest and largest share of the image's area in a random resized crop. @default [0.08, 1] */
  scale: range.default([0.08, 1]),
  /** Smallest and largest width : height of a random resized crop. @default [3/4, 4/3] */
  ratio: range.default([3 / 4, 4 / 3]),
  /** Pillow's filter; `random` takes bilinear or bicubic for each image. @default "random" */
  interpolation: z.enum(["random", "bilinear", "bicubic"]).default("random"),
  /** Pixels around the image before a random crop. @default 4 */
  padding: z.int().min(0).max(4096).default(4),
  /** `constant` pads with black, `reflect` mirrors without repeating the edge. @default "constant" */
  paddingMode: z.enum(["constant", "reflect"]).default("constant"),
  /** Probability of a flip from left to right. @default 0.5 */
  hflip: probability.default(0.5),
  /** Probability of a flip from top to bottom. @default 0 */
  vflip: probability.default(0),
  /**
   * Strength of brightness, contrast, saturation and hue; one number is that of the first three. Left
   * out when `autoAugment` is given, as in timm.
   *
   * @default 0.4
   */
  colorJitter: z
    .union([
      strength,
      z.tuple([strength, strength, strength]).readonly(),
      z.tuple([strength, strength, strength, strength.max(0.5)]).readonly(),
      z.null(),
    ])
    .default(0.4),
  /** Probability of `colorJitter`. @default 1 */
  colorJitterProb: probability.default(1),
  /** Probability that the image becomes grey, after `colorJitter` or `autoAugment`; Pillow's `L`. @default 0 */
  grayscaleProb: probability.default(0),
  /**
   * Probability of a Gaussian blur after that, with a standard deviation of 0.1 to 2 pixels. Its kernel is a tenth of
   * the input's side, and odd: 23 pixels for 224, as in timm, which has 23 for every side.
   *
   * @default 0
   */
  gaussianBlurProb: probability.default(0),
  /**
   * timm's configuration of RandAugment, such as `rand-m9-mstd0.5-inc1`: `m` magnitude, `n` operations per image,
   * `mstd` standard deviation of the magnitude, `mmax` largest magnitude, `inc1` increasing operations, `w0` weights.
   *
   * @default null
   */
  autoAugment: z
    .string()
    .superRefine((config, context) => {
      const policy = parseRandAugment(config);
      if (typeof policy === "string") context.addIssue(policy);
    })
    .nullable()
    .default(null),
  /**
   * Probability that the colours of an image are changed, and parts of it erased, at all: `colorJitter`, `autoAugment`,
   * grey, blur and erasing, each with its own probability then. The others are cropped and flipped only. timm has no
   * such option.
   *
   * @default 1
   */
  augmentProb: probability.default(1),
  /** Probability of erasing parts of the normalised image. @default 0 */
  reProb: probability.default(0),
  /**
   * What erased parts become: the mean colour, one random colour, or a random colour for each pixel.
   *
   * @default "const"
   */
  reMode: z.enum(["const", "rand", "pixel"]).default("const"),
  /** Largest number of erased parts. @default 1 */
  reCount: z.int().min(1).max(100).default(1),
};

/** How training images are varied; the names and defaults are timm's where timm has the option. */
export type AugmentationOptions = {
  readonly [K in keyof typeof augmentationFields]: z.output<(typeof augmentationFields)[K]>;
};

/** Checks options that come from a recipe and fills in the defaults; unknown keys are refused. */
export const augmentationSchema: z.ZodType<AugmentationOptions> = z
  .strictObject(augmentationFields)
  .readonly();

/** timm's defaults. */
export const defaultAugmentation: AugmentationOptions = augmentationSchema.parse({});
