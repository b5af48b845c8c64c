import type { RgbImage } from "../rgb-image.ts";

/** Where a pixel of the result lies in the source: x' = a x + b y + c, y' = d x + e y + f, in pixel centres. */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface AffineOptions {
  readonly interpolation: "bilinear" | "bicubic";
  /** Red, green and blue of what lies outside the source. */
  readonly fill: readonly [number, number, number];
}

/** Moves the pixels of an image, byte for byte as Pillow's `Image.transform` with `AFFINE`; the size stays. */
export function affine(
  image: RgbImage,
  matrix: AffineMatrix,
  { interpolation, fill }: AffineOptions,
): RgbImage {
  const { width, height } = image;
  const [a, b, c, d, e, f] = matrix;
  const data = new Uint8Array(image.data.length);
  const sample = interpolation === "bilinear" ? bilinear : bicubic;
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const sourceX = a * (x + 0.5) + b * (y + 0.5) + c;
      const sourceY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (sourceX >= 0 && sourceX < width && sourceY >= 0 && sourceY < height) {
        sample(image, sourceX - 0.5, sourceY - 0.5, data, o);
      } else {
        data[o] = fill[0];
        data[o + 1] = fill[1];
        data[o + 2] = fill[2];
      }
    }
  }
  return { width, height, data };
}

type Sample = (image: RgbImage, x: number, y: number, out: Uint8Array, at: number) => void;

const clamp = (position: number, size: number): number => Math.min(Math.max(position, 0), size - 1);

const bilinear: Sample = ({ width, height, data }, x, y, out, at) => {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const upper = clamp(top, height) * width;
  const lower = clamp(top + 1, height) * width;
  const column = clamp(left, width);
  const next = clamp(left + 1, width);
  for (let channel = 0; channel < 3; channel++) {
    const a = data[(upper + column) * 3 + channel]!;
    const b = data[(upper + next) * 3 + channel]!;
    const c = data[(lower + column) * 3 + channel]!;
    const d = data[(lower + next) * 3 + channel]!;
    const v = a + (b - a) * dx;
    const w = c + (d - c) * dx;
    out[at + channel] = v + (w - v) * dy;
  }
};

/** Pillow's cubic through four values, which is Keys' with a = -1. */
function cubic(v0: number, v1: number, v2: number, v3: number, d: number): number {
  const p2 = -v0 + v2;
  const p3 = 2 * (v0 - v1) + v2 - v3;
  const p4 = -v0 + v1 - v2 + v3;
  return v1 + d * (p2 + d * (p3 + d * p4));
}

const rows = new Float64Array(4);

const bicubic: Sample = ({ width, height, data }, x, y, out, at) => {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const c0 = clamp(left - 1, width) * 3;
  const c1 = clamp(left, width) * 3;
  const c2 = clamp(left + 1, width) * 3;
  const c3 = clamp(left + 2, width) * 3;
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < 4; row++) {
      const s = clamp(top - 1 + row, height) * width * 3 + channel;
      rows[row] = cubic(data[s + c0]!, data[s + c1]!, data[s + c2]!, data[s + c3]!, dx);
    }
    const value = cubic(rows[0]!, rows[1]!, rows[2]!, rows[3]!, dy);
    out[at + channel] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
};
