import { crop } from "../image/augment/crop.ts";
import type { DecodeOptions } from "../image/decode-image.ts";
import { imageFormat } from "../image/image-format.ts";
import { isTruncated } from "../image/is-truncated.ts";
import { jpegFrame } from "../image/jpeg-frame.ts";
import type { Size, Window } from "../image/resize.ts";
import type { RgbImage } from "../image/rgb-image.ts";
import { decodeFormat, decodeImage, decodeRgb } from "./decode-image.ts";

/**
 * Decodes a part of an image: the bytes that {@link decodeImage} gives there.
 *
 * A JPEG is decoded only down to the last row of the part. A file that ends too early is refused wherever it is cut;
 * damage that the decoder would only notice below the part stays unseen.
 *
 * @param choose Called with the size of the image; the part lies inside.
 * @throws ImageError as {@link decodeImage}, before or after `choose` is called.
 */
export async function decodePart(
  bytes: Uint8Array,
  choose: (size: Size) => Window,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const size = sizeBeforeDecoding(bytes, options);
  if (!size) {
    const image = await decodeImage(bytes, options);
    return crop(image, choose(image));
  }
  return decodeFormat(bytes, options, (_, open) => decodeRgb(open(bytes).extract(choose(size))));
}

/** The size of an image whose parts can be decoded alone; others need the whole decoder, or a turn. */
function sizeBeforeDecoding(bytes: Uint8Array, { exifOrientation }: DecodeOptions): Size | undefined {
  if (exifOrientation || imageFormat(bytes) !== "jpeg" || isTruncated("jpeg", bytes)) return undefined;
  const frame = jpegFrame(bytes);
  return frame && frame.width > 0 && frame.height > 0 && frame.components < 4 ? frame : undefined;
}
