import { deriveSeed, seededRandom, UsageError } from "../../core/index.ts";
import type { ImageItem, ImageSource } from "../image-source.ts";
import { ascending, imagesByClass, shuffle, stream } from "./epoch-order.ts";
import { growingArray } from "./image-index.ts";

/** A source in two parts. */
export interface HeldOutSources {
  /** What is left to train on. */
  readonly kept: ImageSource;
  readonly heldOut: ImageSource;
}

/**
 * Splits a labelled source at random into two, the same fraction of each class held out; the source is walked once.
 *
 * Images without a label count as one more class.
 *
 * @throws UsageError when the fraction does not lie between 0 and 1.
 */
export async function holdOut(source: ImageSource, fraction: number, seed: number): Promise<HeldOutSources> {
  const names = new Map<string | undefined, number>();
  const labels = growingArray((length) => new Uint32Array(length));
  for await (const { label } of source) {
    const known = names.get(label) ?? names.size;
    names.set(label, known);
    labels.push(known);
  }
  const { kept, heldOut } = splitHoldout(labels.values(), fraction, seed);
  return { kept: imagesAt(source, kept), heldOut: imagesAt(source, heldOut) };
}

/** The images of a source at these positions, which ascend. */
function imagesAt(source: ImageSource, positions: Uint32Array): ImageSource {
  return {
    classes: source.classes,
    size: positions.length,
    rowsWithoutImage: source.rowsWithoutImage,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      let position = 0;
      let taken = 0;
      for await (const item of source) {
        if (position++ !== positions[taken]) continue;
        yield item;
        if (++taken === positions.length) return;
      }
    },
  };
}

/** Indices of images, ascending. */
export interface Holdout {
  readonly kept: Uint32Array;
  readonly heldOut: Uint32Array;
}

/**
 * Holds out a fraction of the images at random, the same fraction of each class.
 *
 * The number held out is the fraction of all images, rounded; it is spread over the classes by largest remainder, and
 * every class keeps at least one image.
 *
 * @param labels Class index of each image.
 * @throws UsageError when the fraction does not lie between 0 and 1.
 */
export function splitHoldout(labels: ArrayLike<number>, fraction: number, seed: number): Holdout {
  if (!(fraction > 0 && fraction < 1)) {
    throw new UsageError(
      "data/holdout-fraction",
      `The fraction of images to hold out must lie between 0 and 1; it is ${fraction}.`,
    );
  }
  const random = seededRandom(deriveSeed(stream.holdOut, seed));
  const groups = imagesByClass(labels);
  const quotas = shares(
    groups.map((group) => group.length),
    fraction,
  );
  const isHeldOut = new Uint8Array(labels.length);
  groups.forEach((group, label) => {
    for (const image of shuffle(group, random).subarray(0, quotas[label])) isHeldOut[image] = 1;
  });
  const all = ascending(labels.length);
  return {
    kept: all.filter((image) => isHeldOut[image] === 0),
    heldOut: all.filter((image) => isHeldOut[image] === 1),
  };
}

/**
 * Divides images into folds for cross-validation, each class evenly: folds of a class, and whole folds, differ by one image at
 * most.
 *
 * There are no more folds than images of the largest class. A class with a single image can never be judged by a fit that
 * knows it: that image is in no fold.
 *
 * @param labels Class index of each image.
 * @param count Wanted number of folds.
 * @returns The fold of each image, counted from 0; -1 for those in none. The same for the same labels and seed.
 */
export function stratifiedFolds(
  labels: ArrayLike<number>,
  count: number,
  seed: number,
): Int32Array<ArrayBuffer> {
  const random = seededRandom(deriveSeed(stream.folds, seed));
  const groups = imagesByClass(labels).filter(({ length }) => length > 1);
  const folds = Math.min(count, Math.max(...groups.map(({ length }) => length)));
  const foldOf = new Int32Array(labels.length).fill(-1);
  let next = 0;
  for (const group of groups) for (const image of shuffle(group, random)) foldOf[image] = next++ % folds;
  return foldOf;
}

/**
 * Some of the images of a source, drawn at random, in the order of the source; all of them when there are no more. The source is
 * walked once to count its images where it does not know their number.
 */
export async function sampleImages(source: ImageSource, count: number, seed: number): Promise<ImageSource> {
  let size = source.size;
  if (size === undefined) {
    size = 0;
    for await (const _ of source) size++;
  }
  if (size <= count) return source;
  const random = seededRandom(deriveSeed(stream.sample, seed));
  return imagesAt(source, shuffle(ascending(size), random).subarray(0, count).toSorted());
}

/** How many of each class to hold out. */
function shares(counts: readonly number[], fraction: number): readonly number[] {
  const quotas = counts.map((count) => Math.min(Math.floor(count * fraction), Math.max(0, count - 1)));
  const total = Math.round(counts.reduce((sum, count) => sum + count, 0) * fraction);
  const byRemainder = counts
    .map((count, label) => ({ label, remainder: count * fraction - quotas[label]! }))
    .filter(({ label }) => quotas[label]! + 1 < counts[label]!)
    .sort((a, b) => b.remainder - a.remainder);
  let missing = total - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const { label } of byRemainder) {
    if (missing <= 0) break;
    quotas[label]!++;
    missing--;
  }
  return quotas;
}
