import * as z from "zod";

const probability = z.number().min(0).max(1);

/** What each option accepts, with its default. */
export const mixingFields = {
  /** Strength of mixup: alpha of Beta(alpha, alpha), from which the share of the first image comes; 0: none. @default 0 */
  mixup: z.number().min(0).default(0),
  /** Strength of cutmix, likewise. @default 0 */
  cutmix: z.number().min(0).default(0),
  /**
   * Smallest and largest side of the box that cutmix takes, as a share of the image's; used instead of `cutmix`.
   *
   * @default null
   */
  cutmixMinmax: z
    .tuple([probability, probability])
    .readonly()
    .refine(([from, to]) => from <= to, "the first number must not exceed the second")
    .nullable()
    .default(null),
  /** Probability that a batch is mixed at all. @default 1 */
  mixupProb: probability.default(1),
  /** Probability of cutmix where mixup and cutmix are both on. @default 0.5 */
  mixupSwitchProb: probability.default(0.5),
  /** Label smoothing: the share of a target that is spread evenly over all classes. @default 0.1 */
  smoothing: z.number().min(0).lt(1).default(0.1),
};

/** How the images of a batch are mixed with each other, and how soft their targets are; the names are timm's. */
export type MixingOptions = {
  readonly [K in keyof typeof mixingFields]: z.output<(typeof mixingFields)[K]>;
};

/** Checks options that come from a recipe and fills in the defaults; unknown keys are refused. */
export const mixingSchema: z.ZodType<MixingOptions> = z.strictObject(mixingFields).readonly();

/** timm's defaults. */
export const defaultMixing: MixingOptions = mixingSchema.parse({});
