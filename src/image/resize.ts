import type { Interpolation } from "./interpolation.ts";
import { resampleLines } from "./resample-lines.ts";
import { resampleWeights } from "./resample-weights.ts";
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

/** Rows that the horizontal pass takes at once: they stay in the processor's first cache. */
const blockRows = 16;

/**
 * Resizes with antialiasing, byte for byte as Pillow's `Image.resize` does: first the rows, rounded to bytes, then
 * the columns.
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
  const horizontal = resampleWeights(columns, interpolation);
  const vertical = resampleWeights(rows, interpolation);

  // Only the source rows from `top` to `bottom` reach the window.
  const top = vertical.starts[0]!;
  const bottom = vertical.starts[window.height - 1]! + vertical.taps;
  const sourceStride = image.width * 3;
  const stride = window.width * 3;
  const source = clamped(image.data);
  const between = scratch((bottom - top) * stride);
  for (let y = top; y < bottom; y += blockRows) {
    resampleLines(
      { data: source, offset: y * sourceStride, step: 3, lineStep: sourceStride },
      { data: between, offset: (y - top) * stride, step: 3, lineStep: stride },
      horizontal,
      Math.min(blockRows, bottom - y),
    );
  }
  const data = new Uint8Array(window.height * stride);
  resampleLines(
    { data: between, offset: -top * stride, step: stride, lineStep: 3 },
    { data: clamped(data), offset: 0, step: stride, lineStep: 3 },
    vertical,
    window.width,
  );
  return { width: window.width, height: window.height, data };
}

function clamped(bytes: Uint8Array): Uint8ClampedArray {
  return new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

let kept = new Uint8ClampedArray(0);
const keptBytes = 1 << 23;

/** Bytes for the result of the first pass; small ones are used again, a giant's are not held. */
function scratch(length: number): Uint8ClampedArray {
  if (length <= kept.length) return kept;
  const bytes = new Uint8ClampedArray(length);
  if (length <= keptBytes) kept = bytes;
  return bytes;
}
