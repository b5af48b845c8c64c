import type { RgbImage } from "../rgb-image.ts";
import type { Window } from "../resize.ts";

/** What lies outside an image: black, or its mirror image without the edge repeated. */
export type PaddingMode = "constant" | "reflect";

/** Cuts a window out of an image; where it reaches beyond the image it is padded. */
export function crop(image: RgbImage, window: Window, padding: PaddingMode = "constant"): RgbImage {
  const { left, top, width, height } = window;
  if (left === 0 && top === 0 && width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  const inside = left >= 0 && top >= 0 && left + width <= image.width && top + height <= image.height;
  if (inside) {
    for (let y = 0; y < height; y++) {
      const start = ((top + y) * image.width + left) * 3;
      data.set(image.data.subarray(start, start + width * 3), y * width * 3);
    }
    return { width, height, data };
  }
  const at = padding === "reflect" ? reflect : outside;
  const columns = Int32Array.from({ length: width }, (_, x) => at(left + x, image.width));
  for (let y = 0; y < height; y++) {
    const row = at(top + y, image.height);
    if (row < 0) continue;
    for (let x = 0, o = y * width * 3; x < width; x++, o += 3) {
      if (columns[x]! < 0) continue;
      const s = (row * image.width + columns[x]!) * 3;
      data[o] = image.data[s]!;
      data[o + 1] = image.data[s + 1]!;
      data[o + 2] = image.data[s + 2]!;
    }
  }
  return { width, height, data };
}

/** The pixel of a line of `size` that stands at `position`; -1 when there is none. */
const outside = (position: number, size: number): number =>
  position >= 0 && position < size ? position : -1;

function reflect(position: number, size: number): number {
  const period = Math.max(1, 2 * (size - 1));
  const folded = ((position % period) + period) % period;
  return Math.min(folded, period - folded) % size;
}
