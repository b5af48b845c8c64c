import type { Size } from "./resize.ts";
import type { RgbImage } from "./rgb-image.ts";

/** Formats that are recognised by their first bytes. */
export type ImageFormat =
  | "jpeg"
  | "png"
  | "webp"
  | "gif"
  | "tiff"
  | "avif"
  | "bmp"
  | "pnm"
  | "heic"
  | "jpeg-xl"
  | "jpeg-2000"
  | "psd"
  | "svg"
  | "pdf"
  | "video";

const signatures: readonly (readonly [format: ImageFormat, offset: number, bytes: string])[] = [
  ["jpeg", 0, "\xff\xd8\xff"],
  ["png", 0, "\x89PNG\r\n\x1a\n"],
  ["webp", 8, "WEBP"],
  ["gif", 0, "GIF87a"],
  ["gif", 0, "GIF89a"],
  ["tiff", 0, "II*\0"],
  ["tiff", 0, "MM\0*"],
  ["tiff", 0, "II+\0"],
  ["tiff", 0, "MM\0+"],
  ["bmp", 0, "BM"],
  ["pnm", 0, "P1"],
  ["pnm", 0, "P2"],
  ["pnm", 0, "P3"],
  ["pnm", 0, "P4"],
  ["pnm", 0, "P5"],
  ["pnm", 0, "P6"],
  ["jpeg-xl", 0, "\xff\x0a"],
  ["jpeg-xl", 4, "JXL "],
  ["jpeg-2000", 4, "jP  "],
  ["jpeg-2000", 0, "\xff\x4f\xff\x51"],
  ["psd", 0, "8BPS"],
  ["pdf", 0, "%PDF"],
  ["video", 0, "\x1aE\xdf\xa3"],
  ["video", 8, "AVI "],
];

/** Tells an image's format from its content; file names are not trusted. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  // Asked several times for each image: signatures are looked for in so many bytes as they have.
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const found = signatures.find(([, offset, signature]) => head.startsWith(signature, offset));
  if (found) return found[0];
  const start = String.fromCharCode(...bytes.subarray(0, 512));
  if (start.startsWith("ftyp", 4)) return isoFormat(start);
  return /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!doctype svg|svg)/i.test(start) ? "svg" : undefined;
}

/**
 * The format of an ISO base media file, by its brands: some programs name what AVIF has in common with HEIC first, and AVIF
 * itself only among the compatible ones.
 */
function isoFormat(start: string): ImageFormat {
  const length = (start.charCodeAt(2) << 8) | start.charCodeAt(3);
  const box = start.slice(8, Math.max(12, length));
  const brands = new Set(Array.from({ length: box.length / 4 }, (_, i) => box.slice(4 * i, 4 * i + 4)));
  if (brands.has("avif") || brands.has("avis")) return "avif";
  return [...brands].some((brand) => /^(?:he[iv].|mif1|msf1|mif2)$/.test(brand)) ? "heic" : "video";
}

/** What becomes of a file whose format is not read, as an imperative; HEIC is what phones write. */
export function conversionOf(format: ImageFormat): string {
  if (format === "heic") {
    return "convert it to JPEG: heif-convert a.heic a.jpg (libheif), sips -s format jpeg a.heic --out a.jpg (macOS), or let the phone take photographs in its most compatible format";
  }
  if (format === "video") return "take images out of it: ffmpeg -i a.mp4 -r 1 a-%04d.jpg";
  return "convert it to PNG or JPEG";
}

/** Whether an undecodable file ends before its format's end mark: then a copy or download was cut short. */
export function isTruncated(format: ImageFormat, bytes: Uint8Array): boolean {
  const end = String.fromCharCode(...bytes.subarray(-1024));
  if (format === "jpeg") return !end.includes("\xff\xd9");
  if (format === "png") return !end.includes("IEND");
  if (format === "gif") return !/;\0*$/.test(end);
  if (format !== "webp" || bytes.length < 12) return false;
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return 8 + size > bytes.length;
}

/** What a JPEG's frame header declares. */
interface JpegFrame extends Size {
  /** Colour components: 1 (grey), 3 or 4 (CMYK). */
  readonly components: number;
}

/** Reads a JPEG up to its frame header; undefined when there is none. */
export function jpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  const short = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) {
      at += 1;
      continue;
    }
    const marker = bytes[at + 1]!;
    // SOF0..SOF15 without DHT (c4), JPG (c8) and DAC (cc).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: short(at + 7), height: short(at + 5), components: bytes[at + 9]! };
    }
    // Fill bytes and markers that stand alone have no length.
    const alone = marker === 0xff || marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += marker === 0xff ? 1 : alone ? 2 : 2 + Math.max(2, short(at + 2));
  }
  return undefined;
}

/** Value of a short tag in a TIFF's first directory; undefined where it has none. BigTIFF is not read. */
export function tiffTag(bytes: Uint8Array, tag: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8 || view.getUint16(2, little) !== 42) return undefined;
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= bytes.length; i++, at += 12) {
    if (view.getUint16(at, little) === tag) return view.getUint16(at + 8, little);
  }
  return undefined;
}

/** The first frame of a GIF, and what Pillow shows around it. */
interface GifFirstFrame {
  /** The file without the first frame's transparent colour: Pillow's `convert("RGB")` shows it, others clear it. */
  readonly opaque: Uint8Array;
  /** Draws what lies outside of the frame in the colour that Pillow takes. */
  fillAround(image: RgbImage): RgbImage;
}

/** Reads a GIF up to its first image descriptor; undefined when there is none. */
export function gifFirstFrame(gif: Uint8Array): GifFirstFrame | undefined {
  const tableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const short = (at: number): number => gif[at]! | (gif[at + 1]! << 8);
  let opaque = gif;
  let background = 0;
  let at = 13 + tableBytes(gif[10] ?? 0);
  // Extensions: 0x21, a label, sub-blocks up to an empty one. The graphic control extension has the label 0xf9.
  while (gif[at] === 0x21) {
    if (gif[at + 1] === 0xf9 && (gif[at + 3] ?? 0) & 1) {
      opaque = gif.slice();
      opaque[at + 3]! &= ~1;
      background = gif[at + 6] ?? 0;
    }
    for (at += 2; (gif[at] ?? 0) > 0;) at += gif[at]! + 1;
    at += 1;
  }
  if (gif[at] !== 0x2c || at + 10 > gif.length) return undefined;

  const [left, top, width, height] = [short(at + 1), short(at + 3), short(at + 5), short(at + 7)];
  const table = (gif[at + 9]! & 0x80 ? at + 10 : 13) + 3 * background;
  const colour = gif.subarray(table, table + 3);
  return {
    opaque,
    fillAround(image) {
      if (left === 0 && top === 0 && width >= image.width && height >= image.height) return image;
      const data = new Uint8Array(image.data.length);
      for (let i = 0; i < data.length; i += 3) data.set(colour, i);
      const stride = image.width * 3;
      const bytes = Math.max(0, Math.min(width, image.width - left)) * 3;
      for (let y = top; y < Math.min(top + height, image.height); y++) {
        const row = y * stride + left * 3;
        data.set(image.data.subarray(row, row + bytes), row);
      }
      return { ...image, data };
    },
  };
}
