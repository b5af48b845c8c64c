import { cropGeometry } from "./crop-geometry.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { resize, type Window } from "./resize.ts";
import type { RgbImage } from "./rgb-image.ts";

/**
 * timm's transform for evaluation: the short side to floor(inputSize / cropPct), then the centre crop.
 *
 * Byte-identical to torchvision's `Resize` and `CenterCrop` on a Pillow image; a crop that is larger than the
 * resized image is padded with black as `CenterCrop` does.
 *
 * @returns inputSize x inputSize pixels.
 */
export function evalCrop(image: RgbImage, preprocessing: Preprocessing): RgbImage {
  const { inputSize, interpolation } = preprocessing;
  const { resized, columns, rows } = cropGeometry(image, preprocessing);
  const window = { left: columns.start, top: rows.start, width: columns.length, height: rows.length };
  const crop = resize(image, resized, interpolation, window);
  const inside = { ...window, left: columns.padding, top: rows.padding };
  return columns.length === inputSize && rows.length === inputSize ? crop : pad(crop, inputSize, inside);
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
