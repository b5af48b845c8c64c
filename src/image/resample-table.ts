import { type Interpolation, resampleFilters } from "./interpolation.ts";

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
export interface ResampleAxis {
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
      const tap = unused + k;
      const at = i * entryLength + 1 + 2 * (tap >> 1);
      const shift = 16 * (tap & 1);
      entries[at] = entries[at]! | (((weight >> lowBits) & 0xffff) << shift);
      entries[at + 1] = entries[at + 1]! | ((weight & ((1 << lowBits) - 1)) << shift);
    }
  }
  const last = entries[(length - 1) * entryLength]!;
  return { entries, pairs, first: entries[0]!, end: last + taps };
}
