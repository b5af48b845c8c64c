import * as z from "zod";
import type { Random } from "../core/index.ts";

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

/** A batch in memory. */
export interface MixableBatch {
  /** Images [N, C, H, W]. */
  readonly images: Float32Array;
  readonly dims: readonly [images: number, channels: number, height: number, width: number];
  /** Soft targets [N, classes]. */
  readonly targets: Float32Array;
}

/**
 * Mixes a batch in place by mixup or cutmix, image n with image N - 1 - n, as timm's mode `batch` does.
 *
 * Targets are mixed by the same share, so they may be smoothed already.
 */
export function mixBatch(batch: MixableBatch, options: MixingOptions, random: Random): void {
  const [, , height, width] = batch.dims;
  const mixing = drawMixing(height, width, options, random);
  if (mixing) applyMixing(batch, mixing);
}

/** Mixes a batch in place as drawn. */
export function applyMixing({ images, dims, targets }: MixableBatch, { lambda, box }: Mixing): void {
  const [count] = dims;
  if (box) exchange(images, dims, box);
  else blendPairs(images, count, lambda);
  blendPairs(targets, count, lambda);
}

/** x[n] = lambda · x[n] + (1 - lambda) · x[N - 1 - n], rounded to float32 as PyTorch does. */
function blendPairs(values: Float32Array, count: number, lambda: number): void {
  const length = values.length / count;
  const own = Math.fround(lambda);
  const other = Math.fround(1 - lambda);
  for (let first = 0, last = count - 1; first <= last; first++, last--) {
    for (let i = 0, a = first * length, b = last * length; i < length; i++, a++, b++) {
      const x = values[a]!;
      const y = values[b]!;
      values[a] = Math.fround(x * own) + Math.fround(y * other);
      values[b] = Math.fround(y * own) + Math.fround(x * other);
    }
  }
}

/** Exchanges the box between image n and image N - 1 - n. */
function exchange(images: Float32Array, dims: MixableBatch["dims"], box: Box): void {
  const [count, channels, height, width] = dims;
  const kept = new Float32Array(box.right - box.left);
  for (let first = 0, last = count - 1; first < last; first++, last--) {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = box.top; y < box.bottom; y++) {
        const a = ((first * channels + channel) * height + y) * width + box.left;
        const b = ((last * channels + channel) * height + y) * width + box.left;
        kept.set(images.subarray(a, a + kept.length));
        images.copyWithin(a, b, b + kept.length);
        images.set(kept, b);
      }
    }
  }
}

/**
 * Writes one row of targets: 1 - smoothing for the class, and smoothing spread over all classes.
 *
 * @param out Receives [classes] from `offset`.
 */
export function writeTarget(
  label: number,
  classes: number,
  smoothing: number,
  out: Float32Array,
  offset = 0,
): void {
  const spread = smoothing / classes;
  out.fill(spread, offset, offset + classes);
  out[offset + label] = 1 - smoothing + spread;
}

/** The part of an image that cutmix takes from its partner: rows [top, bottom), columns [left, right). */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** How a whole batch is mixed: the share of an image that stays its own, and for cutmix the box. */
export interface Mixing {
  readonly lambda: number;
  readonly box?: Box;
}

/** Draws timm's mixing of a batch (mode `batch`); undefined when the batch is left as it is. */
export function drawMixing(
  height: number,
  width: number,
  options: MixingOptions,
  random: Random,
): Mixing | undefined {
  const { mixup, cutmixMinmax } = options;
  // timm sets alpha to 1 when the box has bounds of its own.
  const cutmix = cutmixMinmax ? 1 : options.cutmix;
  if ((mixup === 0 && cutmix === 0) || random.uniform() >= options.mixupProb) return undefined;
  const cut = cutmix > 0 && (mixup === 0 || random.uniform() < options.mixupSwitchProb);
  const lambda = symmetricBeta(cut ? cutmix : mixup, random);
  if (!cut) return { lambda };
  const box = cutmixMinmax
    ? boxWithin(height, width, cutmixMinmax, random)
    : cutmixBox(height, width, lambda, random);
  // The box is rounded and clipped, so the share is that of its real area.
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { lambda: 1 - area / (height * width), box };
}

/** A box of the area 1 - lambda around a random centre, clipped at the edges. */
function cutmixBox(height: number, width: number, lambda: number, random: Random): Box {
  const ratio = Math.sqrt(1 - lambda);
  const [top, bottom] = span(Math.trunc(height * ratio), random.integer(height), height);
  const [left, right] = span(Math.trunc(width * ratio), random.integer(width), width);
  return { top, bottom, left, right };
}

function span(length: number, centre: number, size: number): readonly [number, number] {
  const half = Math.floor(length / 2);
  return [Math.max(0, centre - half), Math.min(size, centre + half)];
}

/** A box inside the image whose sides are within shares of the image's. */
function boxWithin(
  height: number,
  width: number,
  [min, max]: readonly [number, number],
  random: Random,
): Box {
  const side = (size: number): number => {
    const from = Math.trunc(size * min);
    return from + random.integer(Math.max(1, Math.trunc(size * max) - from));
  };
  const cutHeight = side(height);
  const cutWidth = side(width);
  const top = random.integer(Math.max(1, height - cutHeight));
  const left = random.integer(Math.max(1, width - cutWidth));
  return { top, bottom: top + cutHeight, left, right: left + cutWidth };
}

/**
 * Draws from Beta(alpha, alpha): x / (x + y) for two draws of Gamma(alpha).
 *
 * It is computed from logarithms: for small alpha both draws underflow.
 */
export function symmetricBeta(alpha: number, random: Random): number {
  return 1 / (1 + Math.exp(logGamma(alpha, random) - logGamma(alpha, random)));
}

/** The logarithm of a draw of Gamma(alpha) (Marsaglia and Tsang, 2000). */
function logGamma(alpha: number, random: Random): number {
  // Gamma(alpha) is Gamma(alpha + 1) · u^(1/alpha), and the method needs a shape of at least 1.
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random.uniform()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)) {
      return Math.log(d * v);
    }
  }
}
