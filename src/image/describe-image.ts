import { toGrey } from "./grey.ts";
import { imageFormat } from "./image-format.ts";
import { exifOrientation, turnUpright } from "./image-header.ts";
import { resize } from "./resize.ts";
import type { RgbImage } from "./rgb-image.ts";

/** What an image file is, whatever a model makes of it. */
export interface ImageFacts {
  /** Length of the file. */
  readonly bytes: number;
  /** Columns of the image as it stands upright. */
  readonly width: number;
  /** Rows of it. */
  readonly height: number;
  /** The EXIF orientation, 1 to 8; 1 for upright, and where there is none. */
  readonly orientation: number;
  /** [32, 32]: the whole upright image in grey, squeezed into a square. */
  readonly grey: Uint8Array<ArrayBuffer>;
}

/** Side of {@link ImageFacts.grey}. */
export const greySide = 32;

/**
 * What is worth knowing of an image before anything is learnt from it.
 *
 * @param bytes The file.
 * @param image What was decoded of it.
 * @param isTurned Whether that was turned as the EXIF orientation says.
 */
export function describeImage(bytes: Uint8Array, image: RgbImage, isTurned: boolean): ImageFacts {
  const format = imageFormat(bytes);
  const orientation = format === undefined ? 1 : exifOrientation(format, bytes);
  const small = toGrey(resize(image, { width: greySide, height: greySide }, "bilinear"));
  const { data } = isTurned ? small : turnUpright(small, orientation);
  const isOnItsSide = !isTurned && orientation >= 5;
  return {
    bytes: bytes.length,
    width: isOnItsSide ? image.height : image.width,
    height: isOnItsSide ? image.width : image.height,
    orientation,
    grey: Uint8Array.from({ length: greySide * greySide }, (_, i) => data[3 * i]!),
  };
}
