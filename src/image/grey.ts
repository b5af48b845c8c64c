import { normalise } from "./normalise.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { RgbImage } from "./rgb-image.ts";

/** Pillow's weights of red, green and blue in mode L: ITU-R 601-2's luma in fixed point with 16 fractional bits. */
const lumaWeights: readonly [number, number, number] = [19595, 38470, 7471];

/**
 * A colour image in grey, the same in all three channels, by Pillow's conversion to mode L. What comes after, resize and crop,
 * gives what Pillow gives in one channel.
 */
export function toGrey({ width, height, data }: RgbImage): RgbImage {
  const [red, green, blue] = lumaWeights;
  const grey = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const luma = (data[i]! * red + data[i + 1]! * green + data[i + 2]! * blue + 0x8000) >> 16;
    grey[i] = luma;
    grey[i + 1] = luma;
    grey[i + 2] = luma;
  }
  return { width, height, data: grey };
}

/**
 * A preprocessing whose statistics are those of grey: the mean of the three channels' values, as timm adapts the statistics of
 * colour images to one channel.
 */
export function greyStatistics<Of extends Pick<Preprocessing, "mean" | "std">>(preprocessing: Of): Of {
  const average = (values: readonly number[]): readonly [number, number, number] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, mean, mean];
  };
  const { mean, std } = preprocessing;
  const isGrey = [mean, std].every(([red, green, blue]) => red === green && green === blue);
  return isGrey ? preprocessing : { ...preprocessing, mean: average(mean), std: average(std) };
}

/** Writes a grey image, as `toGrey` gives it, as one float32 plane [1, height, width]. */
export function normaliseGrey(
  image: RgbImage,
  statistics: Pick<Preprocessing, "mean" | "std">,
  out: Float32Array,
  offset = 0,
  mirrored = false,
): void {
  const pixels = image.width * image.height;
  const planes = new Float32Array(3 * pixels);
  normalise(image, greyStatistics(statistics), planes, 0, mirrored);
  out.set(planes.subarray(0, pixels), offset);
}
