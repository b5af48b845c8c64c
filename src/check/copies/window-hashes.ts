import { greySide } from "../../image/index.ts";

/** A stretch of one axis of an image, as shares of its length. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What a copy that lost up to 5 % of an axis may show of it; hashes that are a little off are near enough. */
const stretches: readonly Stretch[] = [
  { from: 0, to: 1 },
  { from: 0, to: 0.95 },
  { from: 0.05, to: 1 },
];

/** A part of an image: a stretch of its columns and one of its rows. */
export interface Part {
  readonly columns: Stretch;
  readonly rows: Stretch;
}

/** All of an image comes first. */
export const parts: readonly Part[] = stretches.flatMap((rows) =>
  stretches.map((columns) => ({ columns, rows })),
);

/** Frequencies of each axis: 1 to 8 half waves; the mean is left out. */
const frequencies = 8;
/** Pixels of each axis that the frequencies are taken of. */
const side = greySide / 2;

/** The words of a hash, 16 bits each. */
export const wordsOfHash = 4;

/** The bits of a word that a mirror turns: those of odd numbers of half waves along the rows. */
export const mirrorBits = 0b1010_1010_1010_1010;

const halved = new Float64Array(side * side);
const alongRows = stretches.map(() => new Float64Array(side * frequencies));

/**
 * Writes the hashes of parts of an image: for each the signs of its 8 x 8 lowest frequencies, rows first, in four words
 * of 16 bits. Resizing, recompression and changes of brightness leave most of them as they are.
 *
 * After C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.
 *
 * @param grey [32, 32]
 * @param count So many of {@link parts}, the first ones: 1 or all.
 * @param hashes [count, 4]
 */
export function hashParts(grey: Uint8Array, count: number, hashes: Uint16Array): void {
  halve(grey);
  const used = count === 1 ? 1 : stretches.length;
  for (let stretch = 0; stretch < used; stretch++) projectRows(wavesOf[stretch]!, alongRows[stretch]!);
  for (let part = 0; part < count; part++) {
    const waves = wavesOf[Math.floor(part / stretches.length)]!;
    const columns = alongRows[part % stretches.length]!;
    for (let word = 0; word < wordsOfHash; word++) {
      hashes[part * wordsOfHash + word] =
        (signs(waves, 2 * word, columns) << frequencies) | signs(waves, 2 * word + 1, columns);
    }
  }
}

/** The mean of each four pixels. */
function halve(grey: Uint8Array): void {
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const from = 2 * y * greySide + 2 * x;
      halved[at] = grey[from]! + grey[from + 1]! + grey[from + greySide]! + grey[from + greySide + 1]!;
    }
  }
}

/** The waves of each row of pixels. @param out [8, 16], a wave after the other */
function projectRows(waves: Float64Array, out: Float64Array): void {
  for (let wave = 0; wave < frequencies; wave++) {
    for (let y = 0; y < side; y++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += halved[y * side + x]! * waves[wave * side + x]!;
      out[wave * side + y] = sum;
    }
  }
}

/** The signs of one wave along the columns with each along the rows: eight bits. */
function signs(waves: Float64Array, row: number, columns: Float64Array): number {
  let bits = 0;
  for (let wave = 0; wave < frequencies; wave++) {
    let sum = 0;
    for (let y = 0; y < side; y++) sum += waves[row * side + y]! * columns[wave * side + y]!;
    bits = (bits << 1) | (sum > 0 ? 1 : 0);
  }
  return bits;
}

/** For each stretch [8, 16]: what each pixel adds to the waves of the stretch, which is sampled between pixels. */
const wavesOf: readonly Float64Array[] = stretches.map(({ from, to }) => {
  const weights = new Float64Array(frequencies * side);
  for (let sample = 0; sample < side; sample++) {
    const place = (from + ((to - from) * (sample + 0.5)) / side) * side - 0.5;
    const within = Math.min(side - 1, Math.max(0, place));
    const pixel = Math.min(side - 2, Math.floor(within));
    for (let wave = 0; wave < frequencies; wave++) {
      const value = Math.cos(((wave + 1) * (sample + 0.5) * Math.PI) / side);
      weights[wave * side + pixel]! += value * (pixel + 1 - within);
      weights[wave * side + pixel + 1]! += value * (within - pixel);
    }
  }
  return weights;
});
