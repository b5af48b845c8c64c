import sharp from "sharp";
import type { ImageItem } from "../../src/data/index.ts";

/** The encoded bytes of a PNG in one colour. */
export async function solidPng(
  [r, g, b]: readonly [number, number, number],
  size = 16,
): Promise<Uint8Array<ArrayBuffer>> {
  const png = await sharp({ create: { width: size, height: size, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}

let redPngs: Promise<readonly Uint8Array<ArrayBuffer>[]> | undefined;

/** `count` small images; the red of image i is i modulo 256. */
export async function* redImages(count: number): AsyncGenerator<ImageItem> {
  redPngs ??= Promise.all(Array.from({ length: 256 }, (_, red) => solidPng([red, 0, 0])));
  const pngs = await redPngs;
  for (let i = 0; i < count; i++) yield { id: `image ${i}`, content: { bytes: pngs[i % 256]! } };
}
