import type { Size } from "./resize.ts";

/** The size of an image whose short side is resized; torchvision's `Resize` truncates the long one. */
export function shortSideSize({ width, height }: Size, shortSide: number): Size {
  return width <= height
    ? { width: shortSide, height: Math.trunc((shortSide * height) / width) }
    : { width: Math.trunc((shortSide * width) / height), height: shortSide };
}
