import { type Interpolation, resampleFilters } from "./interpolation.ts";

/** Fractional bits of the fixed-point weights: 32 less 8 for the pixel and 2 for the filter's overshoot. */
export const precisionBits = 22;

/** What one axis of a resize needs: for each output pixel where its source pixels start, and their weights. */
export interface ResampleWeights {
  /** First source pixel of each output pixel. */
  readonly starts: Int32Array;
  /** `taps` fixed-point weights per output pixel; unused ones are zero and stay inside the source. */
  readonly weights: Int32Array;
  /** Weights per output pixel. */
  readonly taps: number;
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

const cache = new Map<string, ResampleWeights>();
const cacheEntries = 64;
const cachedWeights = 1 << 14;

/** Weights of one axis, computed as Pillow does: normalised in float64, then rounded half away from zero. */
export function resampleWeights(axis: ResampleAxis, interpolation: Interpolation): ResampleWeights {
  const key = `${interpolation} ${axis.input} ${axis.output} ${axis.start} ${axis.length}`;
  const cached = cache.get(key);
  if (cached) return cached;
  const weights = computeWeights(axis, interpolation);
  if (weights.weights.length <= cachedWeights) {
    // Photographs come in few sizes: dropping the oldest entry is enough.
    if (cache.size >= cacheEntries) cache.delete(cache.keys().next().value!);
    cache.set(key, weights);
  }
  return weights;
}

function computeWeights(axis: ResampleAxis, interpolation: Interpolation): ResampleWeights {
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
  // Up to a count that has a kernel of its own, where the source is large enough.
  const rounded = taps <= 3 ? 3 : taps <= 6 ? 6 : taps;
  if (rounded <= input) taps = rounded;
  const starts = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const count = end(i) - first(i);
    let sum = 0;
    for (let k = 0; k < count; k++) {
      exact[k] = filter.weight((k + first(i) - center(i) + 0.5) * sharpness);
      sum += exact[k]!;
    }
    // Near the far edge the unused weights go in front, so that every tap reads inside the source.
    starts[i] = Math.min(first(i), input - taps);
    const unused = first(i) - starts[i]!;
    for (let k = 0; k < count; k++) {
      const fixed = (sum === 0 ? exact[k]! : exact[k]! / sum) * (1 << precisionBits);
      weights[i * taps + unused + k] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
  return { starts, weights, taps };
}
