import type { Random } from "../../core/index.ts";
import { resize } from "../resize.ts";
import { shortSideSize } from "../short-side-size.ts";
import type { RgbImage } from "../rgb-image.ts";
import { crop } from "./crop.ts";
import type { AugmentationOptions } from "./options.ts";

/**
 * Pads an image on all sides and takes a random square.
 *
 * An image whose short side is not `side` is resized first, so that photographs can be mixed with small images.
 */
export function randomCrop(
  image: RgbImage,
  side: number,
  {
    padding,
    paddingMode,
    interpolation,
  }: Pick<AugmentationOptions, "padding" | "paddingMode" | "interpolation">,
  random: Random,
): RgbImage {
  const filter = interpolation === "random" ? "bilinear" : interpolation;
  const fitted =
    Math.min(image.width, image.height) === side ? image : resize(image, shortSideSize(image, side), filter);
  const top = random.integer(fitted.height + 2 * padding - side + 1) - padding;
  const left = random.integer(fitted.width + 2 * padding - side + 1) - padding;
  return crop(fitted, { left, top, width: side, height: side }, paddingMode);
}
