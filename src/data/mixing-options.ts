import * as z from "zod";

/** How the images of a batch are mixed with each other, and how soft their targets are; the names are timm's. */
export interface MixingOptions {
  /** Strength of mixup: alpha of Beta(alpha, alpha), from which the share of the first image comes; 0: none. @default 0 */
  readonly mixup: number;
  /** Strength of cutmix, likewise. @default 0 */
  readonly cutmix: number;
  /**
   * Smallest and largest side of the box that cutmix takes, as a share of the image's; used instead of `cutmix`.
   *
   * @default null
   */
  readonly cutmixMinmax: readonly [number, number] | null;
  /** Probability that a batch is mixed at all. @default 1 */
  readonly mixupProb: number;
  /** Probability of cutmix where mixup and cutmix are both on. @default 0.5 */
  readonly mixupSwitchProb: number;
  /** Label smoothing: the share of a target that is spread evenly over all classes. @default 0.1 */
  readonly smoothing: number;
}

const probability = z.number().min(0).max(1);

/** What each option accepts, with its default. */
export const mixingFields: { readonly [K in keyof MixingOptions]: z.ZodType<MixingOptions[K]> } = {
  mixup: z.number().min(0).default(0),
  cutmix: z.number().min(0).default(0),
  cutmixMinmax: z
    .tuple([probability, probability])
    .readonly()
    .refine(([from, to]) => from <= to, "the first number must not exceed the second")
    .nullable()
    .default(null),
  mixupProb: probability.default(1),
  mixupSwitchProb: probability.default(0.5),
  smoothing: z.number().min(0).lt(1).default(0.1),
};

/** Checks options that come from a recipe and fills in the defaults; unknown keys are refused. */
export const mixingSchema: z.ZodType<MixingOptions> = z.strictObject(mixingFields).readonly();

/** timm's defaults. */
export const defaultMixing: MixingOptions = mixingSchema.parse({});
