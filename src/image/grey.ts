import { normalise } from "./normalise.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { RgbImage } from "./rgb-image.ts";

/**
 * A colour image in grey, the same in all three channels, by Pillow's conversion to mode L: ITU-R 601-2's luma in fixed point
 * with 16 fractional bits. What comes after, resize and crop, gives what Pillow gives in one channel.
 */
export function toGrey({ width, height, data }: RgbImage): RgbImage {
  const grey = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const luma = (data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 0x8000) >> 16;
    grey[i] = luma;
    grey[i + 1] = luma;
    grey[i + 2] = luma;
  }
  return { width, height, data: grey };
}

/**
 * What grey is normalised by: the mean of the three channels' values, as timm adapts the statistics of colour images to one
 * channel.
 */
function greyStatistics({ mean, std }: Pick<Preprocessing, "mean" | "std">): {
  readonly mean: number;
  readonly std: number;
} {
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean: average(mean), std: average(std) };
}

/** Writes a grey image, as `toGrey` gives it, as one float32 plane [1, height, width]. */
export function normaliseGrey(
  image: RgbImage,
  statistics: Pick<Preprocessing, "mean" | "std">,
  out: Float32Array,
  offset = 0,
  mirrored = false,
): void {
  const { mean, std } = greyStatistics(statistics);
  const pixels = image.width * image.height;
  const planes = new Float32Array(3 * pixels);
  normalise(image, { mean: [mean, mean, mean], std: [std, std, std] }, planes, 0, mirrored);
  out.set(planes.subarray(0, pixels), offset);
}
