import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { seededRandom, type Random } from "../../src/core/index.ts";

/** Classes of {@link writeColouredImages}, in natural order. */
export const colours = ["blue", "green", "red"] as const;

/** Writes a folder of class folders with noisy squares of 20x20 pixels in the colour of their class. */
export async function writeColouredImages(folder: string, imagesPerClass: number, seed = 1): Promise<void> {
  const random = seededRandom(seed);
  for (const [index, name] of colours.entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < imagesPerClass; i++) {
      writeFileSync(join(folder, name, `${i}.png`), await colouredPng(index, random));
    }
  }
}

/** A noisy square of 20x20 pixels in the colour of a class. */
export async function colouredPng(index: number, random: Random): Promise<Buffer> {
  // Red is the first channel, and the last of the names.
  const pixels = Uint8Array.from({ length: 20 * 20 * 3 }, (_, at) =>
    Math.round((at % 3 === 2 - index ? 150 : 60) + 60 * random.uniform()),
  );
  return sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } })
    .png()
    .toBuffer();
}
