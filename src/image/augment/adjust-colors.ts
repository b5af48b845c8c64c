import type { RgbImage } from "../rgb-image.ts";
import { blockPixels, openRecolorer, slack } from "../simd/color-kernels.ts";

/** One change of colours; a factor of 1, or 0 for hue, changes nothing. */
export interface ColorAdjustment {
  readonly property: "brightness" | "contrast" | "saturation" | "hue";
  readonly factor: number;
}

/** Changes colours one after the other, byte for byte as torchvision does on Pillow images. */
export function adjustColors(image: RgbImage, adjustments: readonly ColorAdjustment[]): RgbImage {
  if (adjustments.length === 0) return image;
  const { length } = image.data;
  const blocks = Math.ceil(length / (3 * blockPixels));
  const end = places.pixels + length;
  const { memory, sumGreys, blendWithGround, blendWithGrey } = openRecolorer(end + slack);
  memory.set(image.data, places.pixels);

  /** The rounded mean of the greys. */
  const meanGrey = (): number => {
    // What fills the last block counts nothing.
    memory.fill(0, end, end + slack);
    sumGreys(places.pixels, blocks, places.sums);
    const sum = new Uint32Array(memory.buffer, places.sums, 4).reduce((total, part) => total + part, 0);
    return Math.floor((3 * sum) / length + 0.5);
  };
  for (const { property, factor } of adjustments) {
    if (property === "brightness") blendWithGround(places.pixels, blocks, 0, factor);
    else if (property === "contrast") blendWithGround(places.pixels, blocks, meanGrey(), factor);
    else if (property === "saturation") blendWithGrey(places.pixels, blocks, factor);
    else memory.set(rotateHue(memory.subarray(places.pixels, end), factor), places.pixels);
  }
  return { ...image, data: memory.slice(places.pixels, end) };
}

/** Where things stand in the kernels' memory. */
const places = { sums: 0, pixels: 16 } as const;

/**
 * Adds a share of the full circle to every hue, byte for byte as torchvision's `adjust_hue` on a Pillow image: over
 * Pillow's 8-bit HSV.
 *
 * @param turn From -0.5 to 0.5.
 */
function rotateHue(source: Uint8Array, turn: number): Uint8Array {
  const data = new Uint8Array(source.length);
  const shift = Math.trunc(turn * 255);
  for (let i = 0; i < source.length; i += 3) {
    const r = source[i]!;
    const g = source[i + 1]!;
    const b = source[i + 2]!;
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    const hue = ((chroma === 0 ? 0 : hueOf(r, g, b, value, chroma)) + shift) & 255;
    // Pillow truncates the saturation to a byte, from a quotient in float32.
    const saturation = chroma === 0 ? 0 : Math.trunc(Math.fround(chroma / value) * 255);
    writeHsv(data, i, hue, saturation, value);
  }
  return data;
}

const { fround } = Math;

function hueOf(r: number, g: number, b: number, value: number, chroma: number): number {
  const rc = fround((value - r) / chroma);
  const gc = fround((value - g) / chroma);
  const bc = fround((value - b) / chroma);
  const sector = fround(r === value ? bc - gc : g === value ? 2 + rc - bc : 4 + gc - rc);
  return Math.trunc(fround((sector / 6 + 1) % 1) * 255);
}

/** Which of value, p, q and t the red, green and blue of each sixth of the circle are. */
const sectors = [
  [0, 3, 1],
  [2, 0, 1],
  [1, 0, 3],
  [1, 2, 0],
  [3, 1, 0],
  [0, 1, 2],
] as const;

const levels = new Uint8Array(4);

function writeHsv(data: Uint8Array, at: number, hue: number, saturation: number, value: number): void {
  const sector = Math.floor((hue * 6) / 255);
  const fraction = fround((hue * 6) / 255 - sector);
  const share = fround(saturation / 255);
  levels[0] = value;
  levels[1] = Math.round(value * (1 - share));
  levels[2] = Math.round(value * (1 - fround(share * fraction)));
  levels[3] = Math.round(value * (1 - share * (1 - fraction)));
  const [red, green, blue] = sectors[sector % 6]!;
  data[at] = levels[red]!;
  data[at + 1] = levels[green]!;
  data[at + 2] = levels[blue]!;
}

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
