import type { Random } from "../../core/index.ts";
import type { AugmentationOptions } from "./options.ts";

/** The filter itself, or one of bilinear and bicubic for `random`. */
export function drawInterpolation(
  interpolation: AugmentationOptions["interpolation"],
  random: Random,
): "bilinear" | "bicubic" {
  if (interpolation !== "random") return interpolation;
  return random.integer(2) === 0 ? "bilinear" : "bicubic";
}
