import { ImageError, UsageError } from "../core/index.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { RgbImage } from "./rgb-image.ts";

/** What is refused before it is decoded. */
export interface DecodeLimits {
  /**
   * Larger images are refused: a small file may claim any size.
   *
   * @default 178956970, where Pillow raises `DecompressionBombError`
   */
  readonly maxPixels?: number | undefined;
}

/** How images are decoded for a model. */
export interface DecodeChoice extends DecodeLimits {
  /**
   * `fast` lets the JPEG decoder give a photograph at a half, a quarter or an eighth of its size, as long as both sides are at least
   * what the model's resize makes of the short one, as Pillow's `Image.draft` does: several times as fast for large photographs, and
   * other pixels than timm's. In Node only.
   *
   * @default "exact"
   */
  readonly mode?: "exact" | "fast" | undefined;
}

export interface DecodeOptions extends DecodeLimits {
  /** JPEGs may come at a half, a quarter or an eighth of their size, but with no side shorter than this. @default as they are */
  readonly shortestSide?: number | undefined;
  /**
   * Turns the image as its EXIF orientation says, as `PIL.ImageOps.exif_transpose` does. timm ignores it.
   *
   * @default false
   */
  readonly exifOrientation?: boolean | undefined;
}

/**
 * How the images of a model are decoded.
 *
 * @throws UsageError `usage/decode` where limits say what is the preprocessing's to say, as those of earlier versions did.
 */
export function decodeOptionsOf(
  {
    exifOrientation = false,
    inputSize,
    cropPct,
  }: Pick<Preprocessing, "exifOrientation"> & Partial<Preprocessing>,
  { mode = "exact", ...limits }: DecodeChoice = {},
): DecodeOptions {
  if (mode !== "exact" && mode !== "fast") {
    throw new UsageError("usage/decode", `decode: expected mode exact or fast, got ${String(mode)}.`);
  }
  const isScaled = mode === "fast" && inputSize !== undefined && cropPct !== undefined;
  const scaled = isScaled ? { shortestSide: Math.floor(inputSize / cropPct) } : {};
  if (!("exifOrientation" in limits)) return { ...limits, ...scaled, exifOrientation };
  throw new UsageError(
    "usage/decode",
    "decode: exifOrientation is part of how a model sees images: give it as preprocessing: { exifOrientation: true }, and to a training as recipe: { exif: true }.",
  );
}

/**
 * Decodes an encoded image to the bytes that Pillow's `Image.open(file).convert("RGB")` gives.
 *
 * Rejects with an ImageError whose code is `image/empty`, `image/unknown-format`, `image/unsupported-format`,
 * `image/truncated`, `image/corrupt`, `image/zero-sized` or `image/too-large`. The message does not name the
 * file: the caller knows it.
 */
export type DecodeImage = (bytes: Uint8Array, options?: DecodeOptions) => Promise<RgbImage>;

/** Twice Pillow's `MAX_IMAGE_PIXELS`. */
export const defaultMaxPixels: number = 2 * 89_478_485;

/**
 * Checks the size that a header claims, before anything is allocated.
 *
 * @throws ImageError `image/zero-sized` or `image/too-large`.
 */
function checkImageSize(width: number, height: number, maxPixels: number): void {
  if (!(width > 0 && height > 0)) {
    throw new ImageError(
      "image/zero-sized",
      `The image has no pixels: its header says ${width} x ${height}.`,
    );
  }
  if (width * height > maxPixels) throw imageTooLarge(maxPixels, `${width} x ${height} pixels`);
}

/** The error for an image over the limit. */
export function imageTooLarge(maxPixels: number, found: string): ImageError {
  return new ImageError(
    "image/too-large",
    `The image has ${found}, more than the ${maxPixels} that are allowed; ` +
      "scale it down, or raise maxPixels if you trust its origin.",
  );
}

/** Decodes uncompressed BMP files of 1, 4, 8 (palette), 24 and 32 bits; alpha is dropped. */
export function decodeBmp(bytes: Uint8Array, maxPixels: number): RgbImage {
  if (bytes.length < 54) throw truncated(54, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerSize = view.getUint32(14, true);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  if (headerSize < 40 || compression !== 0 || ![1, 4, 8, 24, 32].includes(bits)) {
    throw new ImageError(
      "image/unsupported-format",
      `The file is bmp with a header of ${headerSize} bytes, ${bits} bits and compression ${compression}; ` +
        "uncompressed ones of 1, 4, 8, 24 or 32 bits are read. Convert it to PNG.",
    );
  }
  const width = view.getInt32(18, true);
  // A negative height says that the rows run from the top.
  const height = Math.abs(view.getInt32(22, true));
  const fromTop = view.getInt32(22, true) < 0;
  checkImageSize(width, height, maxPixels);

  const stride = Math.ceil((width * bits) / 32) * 4;
  const start = view.getUint32(10, true);
  if (start + stride * height > bytes.length) throw truncated(start + stride * height, bytes.length);
  const palette = bytes.subarray(14 + headerSize, start);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const row = start + (fromTop ? y : height - 1 - y) * stride;
    for (let x = 0; x < width; x++, o += 3) {
      const bit = x * bits;
      const whole = row + (bit >> 3);
      const index = bits <= 8 ? (bytes[whole]! >> (8 - bits - (bit & 7))) & ((1 << bits) - 1) : 0;
      const [colours, at] = bits <= 8 ? [palette, index * 4] : [bytes, whole];
      data[o] = colours[at + 2] ?? 0;
      data[o + 1] = colours[at + 1] ?? 0;
      data[o + 2] = colours[at] ?? 0;
    }
  }
  return { width, height, data };
}

function truncated(expected: number, found: number): ImageError {
  return new ImageError(
    "image/truncated",
    `The bmp image ends too early: ${expected} bytes expected, ${found} found; copy it again.`,
  );
}

/** Decodes binary PBM, PGM and PPM files (P4, P5, P6) of 8 bits a channel. */
export function decodePnm(bytes: Uint8Array, maxPixels: number): RgbImage {
  const magic = String.fromCharCode(bytes[0]!, bytes[1]!);
  const { numbers, end } = header(bytes, magic === "P4" ? 2 : 3);
  const [width = 0, height = 0, highest = 255] = numbers;
  if (!["P4", "P5", "P6"].includes(magic) || (magic !== "P4" && highest !== 255)) {
    throw new ImageError(
      "image/unsupported-format",
      `The file is ${magic} with values up to ${highest}; binary PNM (P4, P5, P6) up to 255 is read. Convert it to PNG.`,
    );
  }
  checkImageSize(width, height, maxPixels);
  const stride = magic === "P4" ? Math.ceil(width / 8) : magic === "P5" ? width : width * 3;
  const rows = bytes.subarray(end, end + stride * height);
  if (rows.length < stride * height) {
    throw new ImageError(
      "image/truncated",
      `The pnm image ends too early: ${stride * height} bytes of pixels expected, ${rows.length} found.`,
    );
  }
  if (magic === "P6") return { width, height, data: rows };
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const grey =
        magic === "P5" ? rows[y * stride + x]! : (rows[y * stride + (x >> 3)]! << (x & 7)) & 0x80 ? 0 : 255;
      data.fill(grey, o, o + 3);
    }
  }
  return { width, height, data };
}

/** The numbers after the magic, between white space and comments; one white space ends them. */
function header(bytes: Uint8Array, count: number): { numbers: readonly number[]; end: number } {
  const text = String.fromCharCode(...bytes.subarray(2, 1024));
  const found = new RegExp(String.raw`^(?:(?:\s|#[^\n]*\n)+(\d{1,9})){${count}}\s`).exec(text);
  if (!found) {
    throw new ImageError("image/corrupt", `The pnm image has no header of ${count} numbers after its magic.`);
  }
  const numbers = found[0]
    .replaceAll(/#[^\n]*\n/g, " ")
    .trim()
    .split(/\s+/)
    .map(Number);
  return { numbers, end: 2 + found[0].length };
}

/**
 * Converts interleaved CMYK to RGB with Pillow's formula, without a colour profile: 255 - k - c·(255 - k)/255,
 * the product rounded.
 */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let s = 0, o = 0; s < cmyk.length; s += 4) {
    const white = 255 - cmyk[s + 3]!;
    for (let c = 0; c < 3; c++) {
      // (product + 128 + (product + 128) / 256) / 256 is Pillow's rounded division by 255.
      const product = cmyk[s + c]! * white + 128;
      rgb[o++] = white - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}
