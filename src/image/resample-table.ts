/** Fractional bits of the fixed-point weights: 32 less 8 for the pixel and 2 for the filter's overshoot. */
export const precisionBits = 22;

/**
 * Low bits of a weight that are kept apart: w = high · 2^11 + low. Each part fits 16 bits, and the sum of the parts,
 * modulo 2^32, is that of the whole weights.
 */
export const lowBits = 11;

/** What one axis of a resize needs. */
export interface ResampleTable {
  /**
   * For each output pixel its first source pixel, then for each pair of taps two numbers: the high parts of the two
   * weights, 16 bits each, and the low parts. A tap that is not needed weighs nothing.
   */
  readonly entries: Int32Array;
  /** Pairs of taps of each output pixel. */
  readonly pairs: number;
  /** First source pixel that is needed. */
  readonly first: number;
  /** Source pixel after the last that is needed. */
  readonly end: number;
}

/** One axis of a resize of which only a window is wanted. */
interface ResampleAxis {
  /** Source pixels. */
  readonly input: number;
  /** Pixels of the whole result. */
  readonly output: number;
  /** First wanted pixel of the result. */
  readonly start: number;
  /** Number of wanted pixels. */
  readonly length: number;
}

const cache = new Map<string, ResampleTable>();
const cacheEntries = 64;
const cachedNumbers = 1 << 14;

/** The table of one axis, its weights computed as Pillow does: normalised in float64, then rounded half away from zero. */
export function resampleTable(axis: ResampleAxis, interpolation: Interpolation): ResampleTable {
  const key = `${interpolation} ${axis.input} ${axis.output} ${axis.start} ${axis.length}`;
  const cached = cache.get(key);
  if (cached) return cached;
  const table = computeTable(axis, interpolation);
  if (table.entries.length <= cachedNumbers) {
    // Photographs come in few sizes: dropping the oldest entry is enough.
    if (cache.size >= cacheEntries) cache.delete(cache.keys().next().value!);
    cache.set(key, table);
  }
  return table;
}

function computeTable(axis: ResampleAxis, interpolation: Interpolation): ResampleTable {
  const { input, output, start, length } = axis;
  const filter = resampleFilters[interpolation];
  const scale = input / output;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const sharpness = 1 / filterScale;
  const center = (i: number): number => (start + i + 0.5) * scale;
  const first = (i: number): number => Math.max(0, Math.trunc(center(i) - support + 0.5));
  const end = (i: number): number => Math.min(input, Math.trunc(center(i) + support + 0.5));

  let taps = 1;
  for (let i = 0; i < length; i++) taps = Math.max(taps, end(i) - first(i));
  const pairs = Math.ceil(taps / 2);
  const entryLength = 1 + 2 * pairs;
  const entries = new Int32Array(length * entryLength);
  const exact = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const count = end(i) - first(i);
    let sum = 0;
    for (let k = 0; k < count; k++) {
      exact[k] = filter.weight((k + first(i) - center(i) + 0.5) * sharpness);
      sum += exact[k]!;
    }
    // Near the far edge the taps that are not needed go in front, so that all read inside the source.
    const pixel = Math.min(first(i), input - taps);
    const unused = first(i) - pixel;
    entries[i * entryLength] = pixel;
    for (let k = 0; k < count; k++) {
      const fixed = (sum === 0 ? exact[k]! : exact[k]! / sum) * (1 << precisionBits);
      const weight = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
      writeWeight(entries, i * entryLength, unused + k, weight);
    }
  }
  const last = entries[(length - 1) * entryLength]!;
  return { entries, pairs, first: entries[0]!, end: last + taps };
}

/** Writes the fixed-point weight of one tap, not written before, into the entry that begins at `start`. */
function writeWeight(entries: Int32Array, start: number, tap: number, weight: number): void {
  const at = start + 1 + 2 * (tap >> 1);
  const shift = 16 * (tap & 1);
  entries[at] = entries[at]! | (((weight >> lowBits) & 0xffff) << shift);
  entries[at + 1] = entries[at + 1]! | ((weight & ((1 << lowBits) - 1)) << shift);
}

/**
 * The table of a convolution: pixel i of the result is the weighted sum of the source pixels from i on.
 *
 * @param weights Not negative, with the sum 1.
 * @param length Pixels of the result; the source has weights.length - 1 more.
 */
export function convolutionTable(weights: readonly number[], length: number): ResampleTable {
  const pairs = Math.ceil(weights.length / 2);
  const entry = new Int32Array(1 + 2 * pairs);
  weights.forEach((weight, tap) => writeWeight(entry, 0, tap, Math.round(weight * (1 << precisionBits))));
  const entries = new Int32Array(length * entry.length);
  for (let i = 0; i < length; i++) {
    entries.set(entry, i * entry.length);
    entries[i * entry.length] = i;
  }
  return { entries, pairs, first: 0, end: length - 1 + weights.length };
}

/** Pillow's resampling filters, named as timm's configurations name them. */
export type Interpolation = "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

interface ResampleFilter {
  /** Half of the filter's width, in source pixels at scale 1. */
  readonly support: number;
  /** Weight at distance `x` from the centre, |x| <= support. */
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** The filters as Pillow defines them; bicubic is Keys' cubic with a = -0.5. */
const resampleFilters: Readonly<Record<Interpolation, ResampleFilter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI))),
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};
