import type { RgbImage } from "../rgb-image.ts";
import { affine, type AffineOptions } from "./affine.ts";

/** Pillow's `Image.rotate`: counter-clockwise around the centre. */
export function rotate(image: RgbImage, degrees: number, options: AffineOptions): RgbImage {
  const turn = degrees % 360;
  const angle = -(turn < 0 ? turn + 360 : turn) * (Math.PI / 180);
  if (angle === 0) return image;
  // Pillow rounds to 15 decimals.
  const cos = Number(Math.cos(angle).toFixed(15));
  const sin = Number(Math.sin(angle).toFixed(15));
  const minusSin = Number((-Math.sin(angle)).toFixed(15));
  const x = image.width / 2;
  const y = image.height / 2;
  const c = cos * -x + sin * -y + x;
  const f = minusSin * -x + cos * -y + y;
  return affine(image, [cos, sin, c, minusSin, cos, f], options);
}
