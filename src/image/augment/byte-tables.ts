import type { RgbImage } from "../rgb-image.ts";

/** A byte for each byte. */
export type ByteTable = Uint8Array;

const tableOf = (value: (byte: number) => number): ByteTable =>
  Uint8Array.from({ length: 256 }, (_, byte) => value(byte));

const identityTable: ByteTable = tableOf((byte) => byte);

/** Looks every byte up. */
export function applyTable(source: Uint8Array, table: ByteTable): Uint8Array {
  const data = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i++) data[i] = table[source[i]!]!;
  return data;
}

export const invertTable: ByteTable = tableOf((byte) => 255 - byte);

/** Keeps the highest bits. */
export const posterizeTable = (bits: number): ByteTable => tableOf((byte) => byte & (0xff << (8 - bits)));

/** Inverts what is not below a threshold. */
export const solarizeTable = (threshold: number): ByteTable =>
  tableOf((byte) => (byte < threshold ? byte : 255 - byte));

/** Brightens the dark half. */
export const solarizeAddTable = (amount: number): ByteTable =>
  tableOf((byte) => (byte < 128 ? Math.min(255, byte + amount) : byte));

/** Pillow's `ImageOps.autocontrast` of one channel: its range is stretched to 0 to 255. */
export function autoContrastTable(counts: Histogram): ByteTable {
  const low = counts.findIndex((count) => count > 0);
  const high = counts.findLastIndex((count) => count > 0);
  if (high <= low) return identityTable;
  const scale = 255 / (high - low);
  const offset = -low * scale;
  return tableOf((byte) => toByte(byte * scale + offset));
}

/** Pillow's `ImageOps.equalize` of one channel: every value becomes about as frequent. */
export function equalizeTable(counts: Histogram): ByteTable {
  const last = counts.findLast((count) => count > 0) ?? 0;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const step = Math.floor((total - last) / 255);
  if (step === 0) return identityTable;
  let below = Math.floor(step / 2);
  return tableOf((byte) => {
    const value = Math.floor(below / step);
    below += counts[byte]!;
    return Math.min(255, value);
  });
}

/** How often each of the 256 values occurs. */
type Histogram = Uint32Array;

/** Applies to every channel the table made of its histogram. */
export function applyHistogramTables(image: RgbImage, tableFor: (counts: Histogram) => ByteTable): RgbImage {
  const { data: source } = image;
  const histograms = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)] as const;
  const [reds, greens, blues] = histograms;
  for (let i = 0; i < source.length; i += 3) {
    reds[source[i]!]!++;
    greens[source[i + 1]!]!++;
    blues[source[i + 2]!]!++;
  }
  const red = tableFor(reds);
  const green = tableFor(greens);
  const blue = tableFor(blues);
  const data = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i += 3) {
    data[i] = red[source[i]!]!;
    data[i + 1] = green[source[i + 1]!]!;
    data[i + 2] = blue[source[i + 2]!]!;
  }
  return { ...image, data };
}

/**
 * Pillow's `Image.blend(ground, value, factor)` for every difference value - ground, before the ground is added:
 * entry d + 255 belongs to the difference d. Pillow computes in float32.
 */
export function blendProducts(factor: number): Float32Array {
  const single = Math.fround(factor);
  return Float32Array.from({ length: 511 }, (_, entry) => single * (entry - 255));
}

/** The byte of a float32 sum: truncated and clipped. */
export const toByte = (sum: number): number => (sum <= 0 ? 0 : sum >= 255 ? 255 : Math.trunc(sum));
