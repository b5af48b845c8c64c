import { roundHalfToEven } from "../core/round-half-to-even.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { Size, Window } from "./resize.ts";
import { shortSideSize } from "./short-side-size.ts";

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
export interface CropGeometry {
  readonly resized: Size;
  readonly columns: Centre;
  readonly rows: Centre;
}

/** The eval transform in numbers: the short side to floor(inputSize / cropPct), then the centre crop. */
export function cropGeometry(image: Size, { inputSize, cropPct }: Preprocessing): CropGeometry {
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
