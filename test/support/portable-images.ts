import { seededRandom, type Random } from "ssl-resnext/core";
import type { ImageItem, ImageSource } from "ssl-resnext/data";

/**
 * An image file that every platform reads, and that takes no encoder: a portable pixmap.
 *
 * @param valueAt Gives the byte at a position of [height, width, 3].
 */
export function pixmap(
  width: number,
  height: number,
  valueAt: (position: number) => number,
): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(`P6 ${width} ${height} 255\n`);
  const file = new Uint8Array(header.length + width * height * 3);
  file.set(header);
  for (let i = 0; i < width * height * 3; i++) file[header.length + i] = valueAt(i);
  return file;
}

/** Classes of {@link colouredPixmaps}, in natural order. */
export const colours = ["blue", "green", "red"] as const;

/** Noisy squares of 20x20 pixels in the colour of their class, one class after the other. */
export function colouredPixmaps(
  imagesPerClass: number,
  seed = 1,
): readonly { readonly name: string; readonly label: string; readonly bytes: Uint8Array<ArrayBuffer> }[] {
  const random = seededRandom(seed);
  return colours.flatMap((label, index) =>
    Array.from({ length: imagesPerClass }, (_, i) => ({
      name: `${i}.ppm`,
      label,
      bytes: noisy(index, random),
    })),
  );
}

// Red is the first channel, and the last of the names.
const noisy = (index: number, random: Random): Uint8Array<ArrayBuffer> =>
  pixmap(20, 20, (at) => Math.round((at % 3 === 2 - index ? 150 : 60) + 60 * random.uniform()));

/** Images as a source: every second one in a Blob, the others in memory. */
export function colouredSource(imagesPerClass: number): ImageSource {
  const images = colouredPixmaps(imagesPerClass);
  return {
    classes: colours,
    size: images.length,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const [i, { name, label, bytes }] of images.entries()) {
        const content = i % 2 ? { blob: new Blob([bytes]) } : { bytes };
        yield { id: `photos/${label}/${name}`, label, content };
      }
    },
  };
}
