import { precisionBits, type ResampleWeights } from "./resample-weights.ts";

/** Where RGB pixels stand in an array, in bytes. */
export interface Layout {
  /** Bytes of the image; clamped, so that a sum that overshoots is clipped when it is stored. */
  readonly data: Uint8ClampedArray;
  /** First byte. */
  readonly offset: number;
  /** From one pixel to the next along the axis that is resampled. */
  readonly step: number;
  /** From one line to the next across that axis. */
  readonly lineStep: number;
}

const half = 1 << (precisionBits - 1);

/**
 * One pass of a resize: every output pixel is the weighted sum of its source pixels, in each of `lines` lines.
 *
 * Rows and columns differ only in their steps. The loop over the lines is the inner one, so that the weights stay
 * in registers; the kernels for few taps, which all usual photographs need, are twice as fast as the general one.
 */
export function resampleLines(from: Layout, to: Layout, weights: ResampleWeights, lines: number): void {
  const kernel = weights.taps === 3 ? threeTaps : weights.taps === 6 ? sixTaps : anyTaps;
  kernel(from, to, weights, lines);
}

type Kernel = typeof resampleLines;

/** The weighted sum of one channel of three pixels. */
function sum3(data: Uint8ClampedArray, at: number, step: number, w0: number, w1: number, w2: number): number {
  return Math.imul(data[at]!, w0) + Math.imul(data[at + step]!, w1) + Math.imul(data[at + 2 * step]!, w2);
}

const threeTaps: Kernel = (from, to, { starts, weights }, lines) => {
  const { data: source, step, lineStep } = from;
  const { data: out, lineStep: outLineStep } = to;
  for (let i = 0; i < starts.length; i++) {
    const w0 = weights[3 * i]!;
    const w1 = weights[3 * i + 1]!;
    const w2 = weights[3 * i + 2]!;
    let s = from.offset + starts[i]! * step;
    let o = to.offset + i * to.step;
    for (let line = 0; line < lines; line++, s += lineStep, o += outLineStep) {
      out[o] = (half + sum3(source, s, step, w0, w1, w2)) >> precisionBits;
      out[o + 1] = (half + sum3(source, s + 1, step, w0, w1, w2)) >> precisionBits;
      out[o + 2] = (half + sum3(source, s + 2, step, w0, w1, w2)) >> precisionBits;
    }
  }
};

const sixTaps: Kernel = (from, to, { starts, weights }, lines) => {
  const { data: source, step, lineStep } = from;
  const { data: out, lineStep: outLineStep } = to;
  for (let i = 0; i < starts.length; i++) {
    const w0 = weights[6 * i]!;
    const w1 = weights[6 * i + 1]!;
    const w2 = weights[6 * i + 2]!;
    const w3 = weights[6 * i + 3]!;
    const w4 = weights[6 * i + 4]!;
    const w5 = weights[6 * i + 5]!;
    let s = from.offset + starts[i]! * step;
    let o = to.offset + i * to.step;
    for (let line = 0; line < lines; line++, s += lineStep, o += outLineStep) {
      const t = s + 3 * step;
      const r = sum3(source, s, step, w0, w1, w2) + sum3(source, t, step, w3, w4, w5);
      const g = sum3(source, s + 1, step, w0, w1, w2) + sum3(source, t + 1, step, w3, w4, w5);
      const b = sum3(source, s + 2, step, w0, w1, w2) + sum3(source, t + 2, step, w3, w4, w5);
      out[o] = (half + r) >> precisionBits;
      out[o + 1] = (half + g) >> precisionBits;
      out[o + 2] = (half + b) >> precisionBits;
    }
  }
};

const anyTaps: Kernel = (from, to, { starts, weights, taps }, lines) => {
  const { data: source, step, lineStep } = from;
  const { data: out, lineStep: outLineStep } = to;
  for (let i = 0; i < starts.length; i++) {
    let start = from.offset + starts[i]! * step;
    let o = to.offset + i * to.step;
    const end = (i + 1) * taps;
    for (let line = 0; line < lines; line++, start += lineStep, o += outLineStep) {
      let r = half;
      let g = half;
      let b = half;
      for (let w = i * taps, s = start; w < end; w++, s += step) {
        const weight = weights[w]!;
        r += Math.imul(source[s]!, weight);
        g += Math.imul(source[s + 1]!, weight);
        b += Math.imul(source[s + 2]!, weight);
      }
      out[o] = r >> precisionBits;
      out[o + 1] = g >> precisionBits;
      out[o + 2] = b >> precisionBits;
    }
  }
};
