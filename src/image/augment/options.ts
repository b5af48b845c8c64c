import * as z from "zod";
import { parseRandAugment } from "./rand-augment-policy.ts";

/** How training images are varied; the names and defaults are timm's. */
export interface AugmentationOptions {
  /**
   * `random-resized`: a part of random area and shape becomes the input. `random`: the short side becomes the input
   * size, and a square is cut after `padding`, as is usual for CIFAR.
   *
   * @default "random-resized"
   */
  readonly crop: "random-resized" | "random";
  /** Smallest and largest share of the image's area in a random resized crop. @default [0.08, 1] */
  readonly scale: readonly [number, number];
  /** Smallest and largest width : height of a random resized crop. @default [3/4, 4/3] */
  readonly ratio: readonly [number, number];
  /** Pillow's filter; `random` takes bilinear or bicubic for each image. @default "random" */
  readonly interpolation: "random" | "bilinear" | "bicubic";
  /** Pixels around the image before a random crop. @default 4 */
  readonly padding: number;
  /** `constant` pads with black, `reflect` mirrors without repeating the edge. @default "constant" */
  readonly paddingMode: "constant" | "reflect";
  /** Probability of a flip from left to right. @default 0.5 */
  readonly hflip: number;
  /** Probability of a flip from top to bottom. @default 0 */
  readonly vflip: number;
  /**
   * Strength of brightness, contrast, saturation and hue; one number is that of the first three. Left
   * out when `autoAugment` is given, as in timm.
   *
   * @default 0.4
   */
  readonly colorJitter:
    number | readonly [number, number, number] | readonly [number, number, number, number] | null;
  /**
   * timm's configuration of RandAugment, such as `rand-m9-mstd0.5-inc1`: `m` magnitude, `n` operations per image,
   * `mstd` standard deviation of the magnitude, `mmax` largest magnitude, `inc1` increasing operations, `w0` weights.
   *
   * @default null
   */
  readonly autoAugment: string | null;
  /** Probability of erasing parts of the normalised image. @default 0 */
  readonly reProb: number;
  /**
   * What erased parts become: the mean colour, one random colour, or a random colour for each pixel.
   *
   * @default "const"
   */
  readonly reMode: "const" | "rand" | "pixel";
  /** Largest number of erased parts. @default 1 */
  readonly reCount: number;
}

const probability = z.number().min(0).max(1);
const strength = z.number().min(0);
const range = z
  .tuple([z.number().positive(), z.number().positive()])
  .readonly()
  .refine(([from, to]) => from <= to, "the first number must not exceed the second");

/** What each option accepts, with its default. */
export const augmentationFields: {
  readonly [K in keyof AugmentationOptions]: z.ZodType<AugmentationOptions[K]>;
} = {
  crop: z.enum(["random-resized", "random"]).default("random-resized"),
  scale: range.default([0.08, 1]),
  ratio: range.default([3 / 4, 4 / 3]),
  interpolation: z.enum(["random", "bilinear", "bicubic"]).default("random"),
  padding: z.int().min(0).max(4096).default(4),
  paddingMode: z.enum(["constant", "reflect"]).default("constant"),
  hflip: probability.default(0.5),
  vflip: probability.default(0),
  colorJitter: z
    .union([
      strength,
      z.tuple([strength, strength, strength]).readonly(),
      z.tuple([strength, strength, strength, strength.max(0.5)]).readonly(),
      z.null(),
    ])
    .default(0.4),
  autoAugment: z
    .string()
    .superRefine((config, context) => {
      const policy = parseRandAugment(config);
      if (typeof policy === "string") context.addIssue(policy);
    })
    .nullable()
    .default(null),
  reProb: probability.default(0),
  reMode: z.enum(["const", "rand", "pixel"]).default("const"),
  reCount: z.int().min(1).max(100).default(1),
};

/** Checks options that come from a recipe and fills in the defaults; unknown keys are refused. */
export const augmentationSchema: z.ZodType<AugmentationOptions> = z
  .strictObject(augmentationFields)
  .readonly();

/** timm's defaults. */
export const defaultAugmentation: AugmentationOptions = augmentationSchema.parse({});
