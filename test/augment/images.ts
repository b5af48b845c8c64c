import type { RgbImage } from "../../src/image/index.ts";
import { noise } from "../image/noise.ts";

/** Made images that test/reference/augment.py makes likewise: kind, width, height. */
export type MadeImage = readonly [kind: "noise" | "dim" | "flat", width: number, height: number];

/** Noise; `dim` lies within 60 to 187, `flat` is one grey. */
export function made([kind, width, height]: MadeImage): RgbImage {
  const image = noise(width, height);
  if (kind === "noise") return image;
  return { ...image, data: image.data.map((byte) => (kind === "flat" ? 77 : 60 + (byte >> 1))) };
}
