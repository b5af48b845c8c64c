import type { RgbImage } from "../../src/image/index.ts";

/** Noise of a linear congruential generator seeded by the size, as test/reference/crops.py makes it. */
export function noise(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let state = width * 65537 + height;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { width, height, data };
}
