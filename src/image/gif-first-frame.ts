import type { RgbImage } from "./rgb-image.ts";

/** The first frame of a GIF, and what Pillow shows around it. */
export interface GifFirstFrame {
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
