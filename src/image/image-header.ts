import { tiffTag, jpegFrame, type ImageFormat } from "./image-format.ts";
import type { Size } from "./resize.ts";
import type { RgbImage } from "./rgb-image.ts";

/** The size that a file's header claims; undefined where it is cut off or of another format than these. */
export function headerSize(format: ImageFormat, bytes: Uint8Array): Size | undefined {
  if (format === "jpeg") return jpegFrame(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "png" && bytes.length >= 24)
    return { width: view.getUint32(16), height: view.getUint32(20) };
  if (format === "gif" && bytes.length >= 10) {
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (format === "webp" && bytes.length >= 30) return webpSize(view);
  return format === "avif" ? avifSize(view) : undefined;
}

function webpSize(view: DataView): Size | undefined {
  const first = fourCharacters(view, 12);
  if (first === "VP8X") return webpCanvas(view, 24);
  if (first === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (first !== "VP8 ") return undefined;
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

/** Two numbers of 24 bits, each one less than it means. */
function webpCanvas(view: DataView, at: number): Size {
  const number = (offset: number): number =>
    view.getUint16(offset, true) + (view.getUint8(offset + 2) << 16) + 1;
  return { width: number(at), height: number(at + 3) };
}

/** The largest image spatial extents (`ispe`): thumbnails and tiles have smaller ones. */
function avifSize(view: DataView): Size | undefined {
  let largest: Size | undefined;
  for (let at = 0; at + 16 <= Math.min(view.byteLength, 8192); at++) {
    if (fourCharacters(view, at) !== "ispe") continue;
    const size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    if (size.width * size.height > (largest?.width ?? 0) * (largest?.height ?? 0)) largest = size;
  }
  return largest;
}

/** One frame of an animated WebP, as a still image, and where it lies. */
export interface WebpFrame {
  readonly still: Uint8Array<ArrayBuffer>;
  readonly canvas: Size;
  readonly left: number;
  readonly top: number;
}

/** The first frame of an animated WebP; undefined for a still image. */
export function webpFirstFrame(bytes: Uint8Array): WebpFrame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frame = riffChunks(bytes).find(({ type }) => type === "ANMF");
  if (!frame || frame.data.length < 24) return undefined;
  const at = frame.data.byteOffset - bytes.byteOffset;
  const offset = (from: number): number => 2 * (view.getUint16(from, true) + (view.getUint8(from + 2) << 16));
  const hasAlpha = fourCharacters(view, at + 16) === "ALPH";
  // Alpha in a chunk of its own has to be announced by the header of the extended format.
  const header = new Uint8Array(hasAlpha ? 30 : 12);
  const image = frame.data.subarray(16);
  const still = new Uint8Array(header.length + image.length);
  still.set(new TextEncoder().encode("RIFF....WEBP"));
  new DataView(still.buffer).setUint32(4, still.length - 8, true);
  if (hasAlpha) {
    still.set(new TextEncoder().encode("VP8X"), 12);
    still.set([10, 0, 0, 0, 0x10, 0, 0, 0], 16);
    still.set(frame.data.subarray(6, 12), 24);
  }
  still.set(image, header.length);
  return { still, canvas: webpCanvas(view, 24), left: offset(at), top: offset(at + 3) };
}

interface RiffChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

function riffChunks(bytes: Uint8Array): readonly RiffChunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: RiffChunk[] = [];
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    chunks.push({ type: fourCharacters(view, at), data: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length & 1);
  }
  return chunks;
}

/** The EXIF orientation of a JPEG, PNG or WebP, 1 to 8; 1, upright, where it has none. */
export function exifOrientation(format: ImageFormat, bytes: Uint8Array): number {
  const block = exifBlock(format, bytes);
  const found = block && tiffTag(startsWithExif(block) ? block.subarray(6) : block, 0x112);
  return found !== undefined && found >= 1 && found <= 8 ? found : 1;
}

const startsWithExif = (bytes: Uint8Array): boolean =>
  String.fromCharCode(...bytes.subarray(0, 6)) === "Exif\0\0";

function exifBlock(format: ImageFormat, bytes: Uint8Array): Uint8Array | undefined {
  if (format === "webp") return riffChunks(bytes).find(({ type }) => type === "EXIF")?.data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "png") {
    for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
      if (fourCharacters(view, at + 4) === "eXIf") return bytes.subarray(at + 8, at + 8 + view.getUint32(at));
    }
  }
  if (format !== "jpeg") return undefined;
  // Segments up to the first scan; those of EXIF are application segments of number 1.
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;) {
    const length = view.getUint16(at + 2);
    const segment = bytes.subarray(at + 4, at + 2 + length);
    if (bytes[at + 1] === 0xe1 && startsWithExif(segment)) return segment;
    at += 2 + length;
  }
  return undefined;
}

/** Turns and mirrors an image so that it stands upright, as `PIL.ImageOps.exif_transpose` does. */
export function turnUpright({ width, height, data }: RgbImage, orientation: number): RgbImage {
  const source = sourceOf[orientation];
  if (!source) return { width, height, data };
  const turned = orientation >= 5 ? { width: height, height: width } : { width, height };
  const upright = new Uint8Array(data.length);
  for (let y = 0, o = 0; y < turned.height; y++) {
    for (let x = 0; x < turned.width; x++, o += 3) {
      const [column, row] = source(x, y, width - 1, height - 1);
      const at = (row * width + column) * 3;
      upright[o] = data[at]!;
      upright[o + 1] = data[at + 1]!;
      upright[o + 2] = data[at + 2]!;
    }
  }
  return { ...turned, data: upright };
}

type Source = (x: number, y: number, right: number, bottom: number) => readonly [column: number, row: number];

/** Where the pixel (x, y) of the upright image lies, by orientation. */
const sourceOf: Readonly<Record<number, Source>> = {
  2: (x, y, right) => [right - x, y],
  3: (x, y, right, bottom) => [right - x, bottom - y],
  4: (x, y, _right, bottom) => [x, bottom - y],
  5: (x, y) => [y, x],
  6: (x, y, _right, bottom) => [y, bottom - x],
  7: (x, y, right, bottom) => [right - y, bottom - x],
  8: (x, y, right) => [right - y, x],
};

const fourCharacters = (view: DataView, at: number): string =>
  at + 4 > view.byteLength
    ? ""
    : String.fromCharCode(
        view.getUint8(at),
        view.getUint8(at + 1),
        view.getUint8(at + 2),
        view.getUint8(at + 3),
      );
