import type { Random } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/round-half-to-even.ts";
import type { Size, Window } from "../resize.ts";
import type { AugmentationOptions } from "./options.ts";
import { uniformBetween } from "./uniform-between.ts";

const attempts = 10;

/**
 * Draws the part of an image that a random resized crop keeps: a share of the area within `scale`, a shape whose
 * logarithm is uniform within `ratio`. When ten draws do not fit, it is the largest central part within `ratio`.
 */
export function randomResizedCropWindow(
  { width, height }: Size,
  { scale, ratio }: Pick<AugmentationOptions, "scale" | "ratio">,
  random: Random,
): Window {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const area = uniformBetween(random, ...scale) * width * height;
    const shape = Math.exp(uniformBetween(random, Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfToEven(Math.sqrt(area * shape));
    const h = roundHalfToEven(Math.sqrt(area / shape));
    if (w >= 1 && h >= 1 && w <= width && h <= height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  const shape = width / height;
  const w = shape > ratio[1] ? Math.max(1, roundHalfToEven(height * ratio[1])) : width;
  const h = shape < ratio[0] ? Math.max(1, roundHalfToEven(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
