import { float32, matMul, mul, reduceSum, scope, type Value } from "../graph/index.ts";

/** Frequencies of each axis: 1 to 8 half waves; the mean is left out. */
const count = 8;

/** ITU-R BT.601's weights of red, green and blue. */
const luma = [0.299, 0.587, 0.114];

/**
 * The lowest frequencies of the luminance of images, by which two pictures can be recognised as the same one: resizing,
 * recompression and changes of brightness leave them nearly as they are.
 *
 * A perceptual hash is made of their signs, after C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
 * Functions" (2010), section 3.2.
 *
 * @param images [N, 3, size, size], normalised.
 * @returns [N, 8, 8]: coefficients of the cosine transform, rows first.
 */
export function lowFrequencies(images: Value<"float32">): Value<"float32"> {
  const size = images.shape.at(-1) as number;
  return scope("low_frequencies", () => {
    const grey = reduceSum(mul(images, float32(luma, [3, 1, 1])), [1], { keepdims: 0 });
    // F = C · Y · Cᵀ
    const columns = matMul(
      grey,
      float32(
        cosines(size, (wave, x) => x * count + wave),
        [size, count],
      ),
    );
    return matMul(
      float32(
        cosines(size, (wave, y) => wave * size + y),
        [count, size],
      ),
      columns,
    );
  });
}

function cosines(size: number, place: (wave: number, position: number) => number): number[] {
  const values = Array.from({ length: count * size }, () => 0);
  for (let wave = 0; wave < count; wave++) {
    for (let position = 0; position < size; position++) {
      const angle = ((wave + 1) * (position + 0.5) * Math.PI) / size;
      values[place(wave, position)] = (2 / size) * Math.cos(angle);
    }
  }
  return values;
}
