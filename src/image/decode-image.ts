import { ImageError } from "../core/index.ts";
import type { RgbImage } from "./rgb-image.ts";

export interface DecodeOptions {
  /**
   * Turns the image as its EXIF orientation says, as `PIL.ImageOps.exif_transpose` does. timm ignores it.
   *
   * @default false
   */
  readonly exifOrientation?: boolean | undefined;
  /**
   * Larger images are refused: a small file may claim any size.
   *
   * @default 178956970, where Pillow raises `DecompressionBombError`
   */
  readonly maxPixels?: number | undefined;
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
export function checkImageSize(width: number, height: number, maxPixels: number): void {
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
