import type { Preprocessing } from "./preprocessing.ts";
import type { RgbImage } from "./rgb-image.ts";

/**
 * Writes an image as float32 planes [3, height, width], bit-identical to torchvision's `ToTensor` and `Normalize`.
 *
 * @param offset First element of `out` to write: n * 3 * height * width for image n of a batch.
 */
export function normalise(
  image: RgbImage,
  preprocessing: Pick<Preprocessing, "mean" | "std">,
  out: Float32Array,
  offset = 0,
): void {
  const { data } = image;
  const plane = image.width * image.height;
  if (offset < 0 || offset + 3 * plane > out.length) {
    throw new RangeError(
      `normalise: ${3 * plane} elements at offset ${offset} do not fit into ${out.length} elements.`,
    );
  }
  const [red, green, blue] = normaliseTables(preprocessing);
  for (let i = 0, s = 0, o = offset; i < plane; i++, s += 3, o++) {
    out[o] = red[data[s]!]!;
    out[o + plane] = green[data[s + 1]!]!;
    out[o + 2 * plane] = blue[data[s + 2]!]!;
  }
}

type Tables = readonly [Float32Array, Float32Array, Float32Array];

const tables = new WeakMap<object, Tables>();

function normaliseTables(preprocessing: Pick<Preprocessing, "mean" | "std">): Tables {
  const known = tables.get(preprocessing);
  if (known) return known;
  const { mean, std } = preprocessing;
  const made: Tables = [table(mean[0], std[0]), table(mean[1], std[1]), table(mean[2], std[2])];
  tables.set(preprocessing, made);
  return made;
}

/** The result for each byte. Every step is rounded to float32, as PyTorch's float32 arithmetic does. */
function table(mean: number, std: number): Float32Array {
  const value = (byte: number): number => Math.fround(Math.fround(byte / 255) - Math.fround(mean));
  return Float32Array.from({ length: 256 }, (_, byte) => value(byte) / Math.fround(std));
}
