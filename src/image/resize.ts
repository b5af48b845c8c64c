import type { Interpolation } from "./interpolation.ts";
import { precisionBits, type ResampleWeights, resampleWeights } from "./resample-weights.ts";
import type { RgbImage } from "./rgb-image.ts";

/** A rectangle of pixels. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The size of a result. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const half = 1 << (precisionBits - 1);

/**
 * Resizes with antialiasing, byte for byte as Pillow's `Image.resize` does.
 *
 * With `window` only that part of the result is computed; it equals the same part of the whole result.
 */
export function resize(
  image: RgbImage,
  size: Size,
  interpolation: Interpolation,
  window: Window = { left: 0, top: 0, ...size },
): RgbImage {
  const columns = { input: image.width, output: size.width, start: window.left, length: window.width };
  const rows = { input: image.height, output: size.height, start: window.top, length: window.height };
  const vertical = resampleWeights(rows, interpolation);
  const top = vertical.starts[0]!;
  const bottom = vertical.starts[window.height - 1]! + vertical.taps;

  const between = scratch((bottom - top) * window.width * 3);
  resampleRows(image, top, bottom, resampleWeights(columns, interpolation), between);
  const data = new Uint8Array(window.width * window.height * 3);
  resampleColumns(between, top, window.width * 3, vertical, data);
  return { width: window.width, height: window.height, data };
}

/** Horizontal pass over the source rows `top..bottom`. */
function resampleRows(
  image: RgbImage,
  top: number,
  bottom: number,
  { starts, weights, taps }: ResampleWeights,
  out: Uint8Array,
): void {
  const source = image.data;
  const stride = image.width * 3;
  let o = 0;
  for (let y = top; y < bottom; y++) {
    const row = y * stride;
    let w = 0;
    for (let x = 0; x < starts.length; x++) {
      let r = half;
      let g = half;
      let b = half;
      let s = row + starts[x]! * 3;
      for (const end = w + taps; w < end; w++, s += 3) {
        const weight = weights[w]!;
        r += Math.imul(source[s]!, weight);
        g += Math.imul(source[s + 1]!, weight);
        b += Math.imul(source[s + 2]!, weight);
      }
      out[o++] = clip8(r >> precisionBits);
      out[o++] = clip8(g >> precisionBits);
      out[o++] = clip8(b >> precisionBits);
    }
  }
}

/** Vertical pass; `source` starts at the image's row `top` and has `stride` bytes a row. */
function resampleColumns(
  source: Uint8Array,
  top: number,
  stride: number,
  { starts, weights, taps }: ResampleWeights,
  out: Uint8Array,
): void {
  let o = 0;
  for (let y = 0; y < starts.length; y++) {
    const first = (starts[y]! - top) * stride;
    const w = y * taps;
    for (let x = 0; x < stride; x++) {
      let sum = half;
      for (let k = 0, s = first + x; k < taps; k++, s += stride) {
        sum += Math.imul(source[s]!, weights[w + k]!);
      }
      out[o++] = clip8(sum >> precisionBits);
    }
  }
}

function clip8(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

let kept = new Uint8Array(0);
const keptBytes = 1 << 23;

/** Bytes for the result of the first pass; small ones are used again, a giant's are not held. */
function scratch(length: number): Uint8Array {
  if (length <= kept.length) return kept;
  const bytes = new Uint8Array(length);
  if (length <= keptBytes) kept = bytes;
  return bytes;
}
