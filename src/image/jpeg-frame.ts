import type { Size } from "./resize.ts";

/** What a JPEG's frame header declares. */
export interface JpegFrame extends Size {
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
