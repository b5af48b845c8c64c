import type { ScoreRow } from "../tables.ts";
import { bandMasks, differingBits, halves, type Halves } from "./hash-distance.ts";
import type { Bound, CopySummary } from "./selection.ts";

type Ranked = Pick<ScoreRow, "class" | "phash">;

/** Places that rows take in the order of their ranks, those that look like a better one of their class left out. */
export interface DistinctRanking {
  /** @returns whether the next row takes a place, is a copy of one that did, or comes when all are taken */
  next(row: Ranked): "taken" | "copy" | "beyond";
  readonly isFull: boolean;
  /** The copies so far: those that rank above the last row that took a place. */
  tally(): CopySummary;
}

/** @param distance Bits in which hashes of images that look alike may differ. */
export function distinctRanking(places: number, distance: number): DistinctRanking {
  const classes = new Map<number, ReturnType<typeof distinctImages>>();
  let taken = 0;
  return {
    get isFull() {
      return taken >= places;
    },
    next({ class: index, phash }) {
      if (taken >= places) return "beyond";
      let ofClass = classes.get(index);
      if (!ofClass) classes.set(index, (ofClass = distinctImages(distance)));
      if (!ofClass.add(phash)) return "copy";
      taken++;
      return "taken";
    },
    tally: () => addCopies([...classes.values()].map(({ copies }) => summaryOf(copies))),
  };
}

/** How many rankings compete for places, and for how many: one for each class, or one of all. */
export const rankingsOf = (
  bound: Bound,
): { readonly places: number; readonly keyOf: (row: Ranked) => number } => ({
  places: bound.ranking === "threshold" ? Infinity : bound.rows,
  keyOf: bound.ranking === "unbalanced" ? () => 0 : ({ class: index }) => index,
});

/** The copies of several rankings together. */
export const addCopies = (parts: readonly CopySummary[]): CopySummary => ({
  rows: parts.reduce((sum, { rows }) => sum + rows, 0),
  groups: parts.reduce((sum, { groups }) => sum + groups, 0),
  largest: parts.reduce((most, { largest }) => Math.max(most, largest), 0),
});

const summaryOf = (copies: readonly number[]): CopySummary => {
  const some = copies.filter((count) => count > 0);
  return {
    rows: some.reduce((sum, count) => sum + count, 0),
    groups: some.length,
    largest: some.reduce((most, count) => Math.max(most, count), 0),
  };
};

/** Images that look like none before them, and for each how many came later that look like it. */
function distinctImages(distance: number): {
  add(phash: bigint): boolean;
  readonly copies: readonly number[];
} {
  const hashes: Halves[] = [];
  const copies: number[] = [];
  const same = new Map<bigint, number>();
  const bands = bandMasks(distance + 1).map((mask) => ({ mask, byBits: new Map<bigint, number[]>() }));

  /** The first that is near enough, which ranks best. */
  const original = (phash: bigint): number | undefined => {
    const hash = halves(phash);
    let first: number | undefined;
    for (const { mask, byBits } of bands) {
      for (const image of byBits.get(phash & mask) ?? []) {
        if (first !== undefined && image >= first) break;
        if (differingBits(hash, hashes[image]!) <= distance) first = image;
      }
    }
    return first;
  };
  return {
    copies,
    add(phash) {
      const found = same.get(phash) ?? original(phash);
      if (found !== undefined) {
        same.set(phash, found);
        copies[found]!++;
        return false;
      }
      const image = hashes.push(halves(phash)) - 1;
      copies.push(0);
      same.set(phash, image);
      for (const { mask, byBits } of bands) {
        const others = byBits.get(phash & mask);
        if (others) others.push(image);
        else byBits.set(phash & mask, [image]);
      }
      return true;
    },
  };
}
