import { roundHalfToEven } from "../core/round-half-to-even.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { resize, type Window } from "./resize.ts";
import type { RgbImage } from "./rgb-image.ts";
import { shortSideSize } from "./short-side-size.ts";

/**
 * timm's transform for evaluation: the short side to floor(inputSize / cropPct), then the centre crop.
 *
 * Byte-identical to torchvision's `Resize` and `CenterCrop` on a Pillow image; a crop that is larger than the
 * resized image is padded with black as `CenterCrop` does.
 *
 * @returns inputSize x inputSize pixels.
 */
export function evalCrop(image: RgbImage, preprocessing: Preprocessing): RgbImage {
  const { inputSize, cropPct, interpolation } = preprocessing;
  const resized = shortSideSize(image, Math.floor(inputSize / cropPct));
  const columns = centre(resized.width, inputSize);
  const rows = centre(resized.height, inputSize);
  const window = { left: columns.start, top: rows.start, width: columns.length, height: rows.length };
  const crop = resize(image, resized, interpolation, window);
  const inside = { ...window, left: columns.padding, top: rows.padding };
  return columns.length === inputSize && rows.length === inputSize ? crop : pad(crop, inputSize, inside);
}

interface Centre {
  /** First pixel of the image that lies in the crop. */
  readonly start: number;
  /** Number of the image's pixels in the crop. */
  readonly length: number;
  /** Black pixels in front of them. */
  readonly padding: number;
}

/** One axis of torchvision's `CenterCrop`. */
function centre(size: number, crop: number): Centre {
  return size < crop
    ? { start: 0, length: size, padding: Math.floor((crop - size) / 2) }
    : { start: roundHalfToEven((size - crop) / 2), length: crop, padding: 0 };
}

/** Puts an image on black ground. */
function pad(image: RgbImage, size: number, at: Window): RgbImage {
  const data = new Uint8Array(size * size * 3);
  const stride = image.width * 3;
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * stride, (y + 1) * stride), ((at.top + y) * size + at.left) * 3);
  }
  return { width: size, height: size, data };
}
