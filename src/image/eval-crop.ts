import { roundHalfToEven } from "../core/tensor.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { resize, shortSideSize, type Size, type Window } from "./resize.ts";
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

/** One axis of torchvision's `CenterCrop`. */
interface Centre {
  /** First pixel of the image that lies in the crop. */
  readonly start: number;
  /** Number of the image's pixels in the crop. */
  readonly length: number;
  /** Black pixels in front of them. */
  readonly padding: number;
}

/** Where the centre crop lies on the resized image. */
interface CropGeometry {
  readonly resized: Size;
  readonly columns: Centre;
  readonly rows: Centre;
}

/** The eval transform in numbers: the short side to floor(inputSize / cropPct), then the centre crop. */
function cropGeometry(image: Size, { inputSize, cropPct }: Preprocessing): CropGeometry {
  const { width, height } = shortSideSize(image, Math.floor(inputSize / cropPct));
  return {
    resized: { width, height },
    columns: centre(width, inputSize),
    rows: centre(height, inputSize),
  };
}

/**
 * The rectangle of the original image that the model sees, in its pixels and fractions of them; it reaches beyond
 * the image where the crop is padded.
 */
export function cropOnImage(image: Size, preprocessing: Preprocessing): Window {
  const { resized, columns, rows } = cropGeometry(image, preprocessing);
  const [across, down] = [image.width / resized.width, image.height / resized.height];
  return {
    left: (columns.start - columns.padding) * across,
    top: (rows.start - rows.padding) * down,
    width: preprocessing.inputSize * across,
    height: preprocessing.inputSize * down,
  };
}

function centre(size: number, crop: number): Centre {
  return size < crop
    ? { start: 0, length: size, padding: Math.floor((crop - size) / 2) }
    : { start: roundHalfToEven((size - crop) / 2), length: crop, padding: 0 };
}
