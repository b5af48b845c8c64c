import { ImageError } from "../core/index.ts";
import { checkImageSize } from "./decode-image.ts";
import type { RgbImage } from "./rgb-image.ts";

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
