import type { RgbImage } from "../rgb-image.ts";
import { blockPixels, slack } from "../simd/color-kernels.ts";
import { openRecolorer } from "../simd/recolorer.ts";
import { rotateHue } from "./rotate-hue.ts";

/** One change of colours; a factor of 1, or 0 for hue, changes nothing. */
export interface ColorAdjustment {
  readonly property: "brightness" | "contrast" | "saturation" | "hue";
  readonly factor: number;
}

/** Changes colours one after the other, byte for byte as torchvision does on Pillow images. */
export function adjustColors(image: RgbImage, adjustments: readonly ColorAdjustment[]): RgbImage {
  if (adjustments.length === 0) return image;
  const { length } = image.data;
  const blocks = Math.ceil(length / (3 * blockPixels));
  const end = at.pixels + length;
  const { memory, sumGreys, blendWithGround, blendWithGrey } = openRecolorer(end + slack);
  memory.set(image.data, at.pixels);

  /** The rounded mean of the greys. */
  const meanGrey = (): number => {
    // What fills the last block counts nothing.
    memory.fill(0, end, end + slack);
    sumGreys(at.pixels, blocks, at.sums);
    const sum = new Uint32Array(memory.buffer, at.sums, 4).reduce((total, part) => total + part, 0);
    return Math.floor((3 * sum) / length + 0.5);
  };
  for (const { property, factor } of adjustments) {
    if (property === "brightness") blendWithGround(at.pixels, blocks, 0, factor);
    else if (property === "contrast") blendWithGround(at.pixels, blocks, meanGrey(), factor);
    else if (property === "saturation") blendWithGrey(at.pixels, blocks, factor);
    else memory.set(rotateHue(memory.subarray(at.pixels, end), factor), at.pixels);
  }
  return { ...image, data: memory.slice(at.pixels, end) };
}

/** Where things stand in the kernels' memory. */
const at = { sums: 0, pixels: 16 } as const;
