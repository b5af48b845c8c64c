import { ImageError } from "../core/index.ts";
import { checkImageSize } from "./decode-image.ts";
import type { RgbImage } from "./rgb-image.ts";

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
