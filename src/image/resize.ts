import { resampleTable, type Interpolation, type ResampleTable } from "./resample-table.ts";
import type { RgbImage } from "./rgb-image.ts";
import { openResampler, slack } from "./simd/resample-kernels.ts";

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

/**
 * Resizes with antialiasing, byte for byte as `Image.resize` of Pillow 13 does: first the rows, rounded to bytes, then
 * the columns, or the columns first where the height shrinks by more than twice what the width does.
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
  const run = columnsFirst(image, size) ? resampleColumnsFirst : resample;
  return run(image, resampleTable(columns, interpolation), resampleTable(rows, interpolation), window);
}

/** Pillow's rule since version 13; up to version 12 the rows always came first. */
function columnsFirst(from: Size, to: Size): boolean {
  const lower = from.height - to.height;
  return lower > 0 && lower > 2 * (from.width - to.width);
}

/** Weighs the pixels of an image by the tables of its two axes: first the rows, rounded to bytes, then the columns. */
export function resample(
  image: RgbImage,
  horizontal: ResampleTable,
  vertical: ResampleTable,
  size: Size,
): RgbImage {
  // Only these source pixels reach the result.
  const sourceStride = (horizontal.end - horizontal.first) * 3;
  const height = vertical.end - vertical.first;
  const stride = size.width * 3;
  const bandRows = Math.min(height, Math.max(1, Math.floor(bandBytes / sourceStride)));
  const layout = layOut({
    columns: horizontal.entries.byteLength,
    rows: vertical.entries.byteLength,
    band: bandRows * sourceStride + slack,
    // An odd number of taps reads one row more, which weighs nothing.
    between: (height + 1) * stride + slack,
    result: size.height * stride + slack,
  });
  const { memory, alongRows, alongColumns } = openResampler(layout.bytes);
  memory.set(bytesOf(horizontal.entries), layout.at.columns);
  memory.set(bytesOf(vertical.entries), layout.at.rows);

  for (let y = 0; y < height; y += bandRows) {
    const lines = Math.min(bandRows, height - y);
    copyRows(
      image,
      { left: horizontal.first, top: vertical.first + y, width: sourceStride / 3, height: lines },
      memory,
      layout.at.band,
    );
    alongRows(
      layout.at.band - horizontal.first * 3,
      sourceStride,
      layout.at.between + y * stride,
      stride,
      layout.at.columns,
      size.width,
      horizontal.pairs,
      lines,
    );
  }
  alongColumns(
    layout.at.between - vertical.first * stride,
    stride,
    layout.at.result,
    layout.at.rows,
    vertical.entries.byteLength / size.height,
    Math.ceil(stride / 16),
    vertical.pairs,
    size.height,
  );
  return resultAt(memory, layout.at.result, size);
}

/** As {@link resample}, with the columns first. */
function resampleColumnsFirst(
  image: RgbImage,
  horizontal: ResampleTable,
  vertical: ResampleTable,
  size: Size,
): RgbImage {
  const sourceStride = (horizontal.end - horizontal.first) * 3;
  const stride = size.width * 3;
  const entryLength = vertical.entries.length / size.height;
  const taps = 2 * vertical.pairs;
  const layout = layOut({
    columns: horizontal.entries.byteLength,
    rows: vertical.entries.byteLength,
    band: taps * sourceStride + slack,
    between: size.height * sourceStride + slack,
    result: size.height * stride + slack,
  });
  const { memory, alongRows, alongColumns } = openResampler(layout.bytes);
  memory.set(bytesOf(horizontal.entries), layout.at.columns);
  memory.set(bytesOf(vertical.entries), layout.at.rows);

  for (let y = 0; y < size.height; y++) {
    const top = vertical.entries[y * entryLength]!;
    const height = Math.min(taps, image.height - top);
    copyRows(image, { left: horizontal.first, top, width: sourceStride / 3, height }, memory, layout.at.band);
    alongColumns(
      layout.at.band - top * sourceStride,
      sourceStride,
      layout.at.between + y * sourceStride,
      layout.at.rows + 4 * entryLength * y,
      4 * entryLength,
      Math.ceil(sourceStride / 16),
      vertical.pairs,
      1,
    );
  }
  alongRows(
    layout.at.between - horizontal.first * 3,
    sourceStride,
    layout.at.result,
    stride,
    layout.at.columns,
    size.width,
    horizontal.pairs,
    size.height,
  );
  return resultAt(memory, layout.at.result, size);
}

function resultAt(memory: Uint8Array, start: number, { width, height }: Size): RgbImage {
  return { width, height, data: memory.slice(start, start + height * width * 3) };
}

/** Source rows are taken over in bands that stay in the processor's second cache. */
const bandBytes = 1 << 17;

/** Puts parts one after another, each aligned to 16 bytes. */
function layOut<Part extends string>(
  sizes: Readonly<Record<Part, number>>,
): { readonly at: Readonly<Record<Part, number>>; readonly bytes: number } {
  let bytes = 0;
  const at = Object.entries<number>(sizes).map(([part, size]) => {
    const start = bytes;
    bytes += Math.ceil(size / 16) * 16;
    return [part, start] as const;
  });
  return { at: Object.fromEntries(at) as Record<Part, number>, bytes };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function copyRows({ width, data }: RgbImage, window: Window, memory: Uint8Array, to: number): void {
  const length = window.width * 3;
  for (let y = 0; y < window.height; y++) {
    const start = ((window.top + y) * width + window.left) * 3;
    memory.set(data.subarray(start, start + length), to + y * length);
  }
}

/** The size of an image whose short side is resized; torchvision's `Resize` truncates the long one. */
export function shortSideSize({ width, height }: Size, shortSide: number): Size {
  return width <= height
    ? { width: shortSide, height: Math.trunc((shortSide * height) / width) }
    : { width: Math.trunc((shortSide * width) / height), height: shortSide };
}
