import { scoreBins, type Bound, type Ranking } from "../select/selection.ts";
import type { ScoreRow } from "../tables.ts";

/**
 * How many rows with which scores each class has. Counts add up over score files, and say how far down a selection has to look.
 *
 * Scores are counted in buckets that each span about a fifth of the odds: four between one power of two and the next, of a score up to
 * one half and of what others lack to 1. Both are exact in float32, so a bucket is told by the bits of a number, and where it begins is
 * a number as well: what reaches it is in this bucket or in a higher one, without rounding.
 */
export interface ScoreCounts {
  readonly classes: number;
  /** For each class, rows by bucket of other ranks and of rank 1, rows without a finite score of either, and the bins of a report. */
  readonly values: Float64Array;
}

const bucketCount = 250;
const slots = { best: bucketCount, notFinite: 2 * bucketCount, bins: 2 * bucketCount + 2 } as const;
const slotsOfClass = slots.bins + scoreBins;

/** What score files say of their rows. */
export interface ScoredRows {
  readonly rows: number;
  /** Of all files that say it. */
  readonly counts: ScoreCounts;
  /** Which files do not. */
  readonly uncounted: readonly number[];
  /** Of each file that has one. */
  readonly digests: readonly (string | undefined)[];
  /** Images that were scored, of each file. */
  readonly images: readonly number[];
}

/** Counts of no rows. */
export const noCounts = (classes: number): ScoreCounts => ({
  classes,
  values: new Float64Array(classes * slotsOfClass),
});

/** Counts rows of a class that fall into one bucket and one bin. @param row One of them. */
export function countRows(
  { values }: ScoreCounts,
  { class: index, rank, score }: Pick<ScoreRow, "class" | "rank" | "score">,
  rows = 1,
): void {
  const at = index * slotsOfClass;
  const isBest = rank === 1;
  if (!Number.isFinite(score)) {
    values[at + slots.notFinite + Number(isBest)]! += rows;
    return;
  }
  values[at + (isBest ? slots.best : 0) + bucketOf(score)]! += rows;
  if (isBest) values[at + slots.bins + binOf(score)]! += rows;
}

/** Counts of the rows that are left when others of the same classes are taken away. */
export const withoutCounts = ({ classes, values }: ScoreCounts, others: ScoreCounts): ScoreCounts => ({
  classes,
  values: values.map((rows, at) => rows - others.values[at]!),
});

/** All rows that were counted. */
export function countedRows({ classes, values }: ScoreCounts): number {
  let rows = 0;
  for (let index = 0; index < classes; index++)
    for (const some of values.subarray(index * slotsOfClass, index * slotsOfClass + slots.bins)) rows += some;
  return rows;
}

/** What may be selected of a class. */
export interface CandidateCounts {
  readonly finite: number;
  readonly notFinite: number;
  /** Images whose best class this is, by their score, in equal bins from 0 to 1. */
  readonly bestScores: readonly number[];
}

/** What may be selected of each class. */
export const candidatesOf = (counts: ScoreCounts, ranking: Ranking): readonly CandidateCounts[] =>
  Array.from({ length: counts.classes }, (_, index) => {
    const at = index * slotsOfClass;
    const [others = 0, best = 0] = counts.values.subarray(at + slots.notFinite, at + slots.bins);
    let finite = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) finite += rowsIn(counts, ranking, index, bucket);
    return {
      finite,
      notFinite: best + (ranking === "balanced" ? others : 0),
      bestScores: [...counts.values.subarray(at + slots.bins, at + slotsOfClass)],
    };
  });

/** Rows of a class that may be selected, in one bucket. */
function rowsIn({ values }: ScoreCounts, ranking: Ranking, index: number, bucket: number): number {
  const at = index * slotsOfClass + bucket;
  return values[at + slots.best]! + (ranking === "balanced" ? values[at]! : 0);
}

/**
 * For each class a score that all rows to be selected reach, and few others: buckets are taken from the top until they hold enough
 * rows, and the bound is where the last one begins.
 */
export function boundsOf(counts: ScoreCounts, bound: Bound): readonly number[] {
  const indices = Array.from({ length: counts.classes }, (_, index) => index);
  if (bound.ranking === "threshold") return indices.map(() => bound.score);
  const lowest = (classes: readonly number[]): number => {
    let rows = 0;
    for (let bucket = bucketCount - 1; bucket > 0; bucket--) {
      for (const index of classes) rows += rowsIn(counts, bound.ranking, index, bucket);
      if (rows >= bound.rows) return bucketStart(bucket);
    }
    return bucketStart(0);
  };
  if (bound.ranking === "balanced") return indices.map((index) => lowest([index]));
  const shared = lowest(indices);
  return indices.map(() => shared);
}

/** Rows that reach bounds, and at most a bucket more of each class. */
export function rowsReaching(counts: ScoreCounts, ranking: Ranking, bounds: readonly number[]): number {
  let rows = 0;
  for (const [index, bound] of bounds.entries())
    for (let bucket = bucketOf(bound); bucket < bucketCount; bucket++)
      rows += rowsIn(counts, ranking, index, bucket);
  return rows;
}

const number = new Float32Array(1);
const bits = new Uint32Array(number.buffer);

/** What is above the 21 lowest bits of a float32: its exponent and two bits of its fraction, which grow with it. */
const scaleOf = (value: number): number => {
  number[0] = value;
  return bits[0]! >>> 21;
};

/** The least float32 of a scale. */
const leastOf = (scale: number): number => {
  bits[0] = scale << 21;
  return number[0]!;
};

const lowestScale = scaleOf(2 ** -40);
const half = scaleOf(0.5);
const bucketOfHalf = half - lowestScale;
/** The step between float32 numbers from one half to 1. */
const step = 2 ** -24;

/** The bucket of a finite float32; what a damaged file may hold has one too. */
export function bucketOf(score: number): number {
  if (score >= 1) return bucketCount - 1;
  if (score > 0.5) return bucketOfHalf + half - scaleOf(1 - score);
  return score > 0 ? Math.max(0, scaleOf(score) - lowestScale) : 0;
}

/** What all finite scores reach: the lowest float32. */
export const lowestBound: number = -(2 - 2 ** -23) * 2 ** 127;

/** The lowest score of a bucket; near 1 some have none, and begin where the next one does. */
export function bucketStart(bucket: number): number {
  if (bucket === bucketCount - 1) return 1;
  if (bucket === 0) return lowestBound;
  if (bucket <= bucketOfHalf) return leastOf(lowestScale + bucket);
  const lacking = leastOf(bucketOfHalf + half - bucket + 1);
  return 1 - (Math.ceil(lacking / step) - 1) * step;
}

const binOf = (score: number): number => Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins)));

/** Counts rows as they come, of as many classes as there turn out to be. */
export interface ScoreCounter {
  add(row: Pick<ScoreRow, "class" | "rank" | "score">): void;
  /** undefined when a row is of no such class, or of one beyond all that are counted. */
  counts(classes: number): ScoreCounts | undefined;
}

/** Classes that are counted while they are scored: half a gigabyte of counts. */
const mostClasses = 2 ** 17;

export function scoreCounter(): ScoreCounter {
  let counts = noCounts(16);
  let highest = -1;
  let isOdd = false;
  return {
    add(row) {
      const { class: index } = row;
      if (!(Number.isInteger(index) && index >= 0 && index < mostClasses)) isOdd = true;
      if (isOdd) return;
      highest = Math.max(highest, index);
      if (index >= counts.classes) {
        const larger = noCounts(2 ** Math.ceil(Math.log2(index + 1)));
        larger.values.set(counts.values);
        counts = larger;
      }
      countRows(counts, row);
    },
    counts(classes) {
      if (isOdd || highest >= classes) return undefined;
      const exact = noCounts(classes);
      exact.values.set(counts.values.subarray(0, Math.min(exact.values.length, counts.values.length)));
      return exact;
    },
  };
}

/** Counts as text: most are 0, so each of the others stands behind the number of zeros before it, both in seven bits a byte. */
export function encodeCounts({ values }: ScoreCounts): string {
  const bytes: number[] = [];
  const write = (value: number): void => {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
    bytes.push(value);
  };
  let zeros = 0;
  for (const rows of values) {
    if (rows === 0) zeros++;
    else {
      write(zeros);
      write(rows);
      zeros = 0;
    }
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * Adds the counts of a text.
 *
 * @param rows How many rows they count.
 * @returns whether it held them, of these classes; else nothing is added
 */
export function addEncoded({ values }: ScoreCounts, text: string, rows: number): boolean {
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    return false;
  }
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      // NaN past the end.
      const byte = bytes.charCodeAt(at++);
      if (Number.isNaN(byte)) return NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  // Each takes two bytes at least.
  const places = new Int32Array(bytes.length >> 1);
  const found = new Float64Array(places.length);
  let length = 0;
  let place = 0;
  let counted = 0;
  while (at < bytes.length) {
    place += read();
    const some = read();
    if (!(place < values.length && some > 0)) return false;
    if (place % slotsOfClass < slots.bins) counted += some;
    places[length] = place++;
    found[length++] = some;
  }
  if (counted !== rows) return false;
  for (let i = 0; i < length; i++) values[places[i]!]! += found[i]!;
  return true;
}
