import type { RgbImage } from "../rgb-image.ts";
import { blendProducts, toByte } from "./blend.ts";

const { fround } = Math;

/** Products of Pillow's `SMOOTH` kernel, 1/13 around 5/13, with every byte, in float32 as Pillow computes. */
const around = Float32Array.from({ length: 256 }, (_, byte) => fround(1 / 13) * byte);
const centre = Float32Array.from({ length: 256 }, (_, byte) => fround(5 / 13) * byte);

/** Pillow's `ImageEnhance.Sharpness`: 0 smooths, 1 changes nothing, 2 sharpens; the border stays as it is. */
export function sharpen(image: RgbImage, factor: number): RgbImage {
  const { width, height, data: source } = image;
  const data = source.slice();
  const products = blendProducts(factor);
  const stride = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + 3; i < (y + 1) * stride - 3; i++) {
      const below = sum3(source, i + stride, around);
      const beside = sum3(source, i, centre);
      const above = sum3(source, i - stride, around);
      const smooth = toByte(fround(fround(fround(0.5 + below) + beside) + above));
      data[i] = toByte(fround(smooth + products[source[i]! - smooth + 255]!));
    }
  }
  return { width, height, data };
}

/** The weighted sum of three pixels of a row. */
function sum3(source: Uint8Array, at: number, middle: Float32Array): number {
  const first = fround(around[source[at - 3]!]! + middle[source[at]!]!);
  return fround(first + around[source[at + 3]!]!);
}
