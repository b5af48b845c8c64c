import type { RgbImage } from "../rgb-image.ts";

/** Swaps left and right. */
export function flipHorizontally({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length);
  for (let y = 0; y < height; y++) {
    let o = (y + 1) * width * 3 - 3;
    for (let x = 0, s = y * width * 3; x < width; x++, s += 3, o -= 3) {
      data[o] = source[s]!;
      data[o + 1] = source[s + 1]!;
      data[o + 2] = source[s + 2]!;
    }
  }
  return { width, height, data };
}

/** Swaps top and bottom. */
export function flipVertically({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length);
  const stride = width * 3;
  for (let y = 0; y < height; y++) {
    data.set(source.subarray(y * stride, (y + 1) * stride), (height - 1 - y) * stride);
  }
  return { width, height, data };
}
