import type { Window } from "../resize.ts";
import type { RgbImage } from "../rgb-image.ts";

/** What lies outside an image: black, or its mirror image without the edge repeated. */
type PaddingMode = "constant" | "reflect";

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

/** Where a pixel of the result lies in the source: x' = a x + b y + c, y' = d x + e y + f, in pixel centres. */
type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

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
