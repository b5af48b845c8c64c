import type { Bound } from "../select/selection-options.ts";
import { scoreBins, type Ranking } from "../select/selection.ts";
import type { ScoreRow, TableColumns } from "../tables.ts";

/** What a row of counts counts: rows of an image's best class or of its others, by score; the former also by the bins of a report. */
export const countKinds = { others: 0, best: 1, bins: 2 } as const;

/** The kinds that each row of scores is of. */
type RankKind = 0 | 1;

/** The bucket of rows without a finite score. */
export const notFiniteBucket = -(2 ** 15);

// Of the odds of the score, which spread out both small scores and those near 1: a bucket spans 6 % of them.
const bucketsPerE = 16;
/** The first and the last bucket, those of scores of 1e-10 and of 1. */
export const bucketRange = { first: -368, last: 258 } as const;

/** A row of a table of counts: rows of one class whose scores fall into one bucket. */
export interface CountRow {
  readonly class: number;
  /** One of `countKinds`. */
  readonly kind: number;
  /** One of `bucketRange` or `notFiniteBucket`; of kind `bins`, the bin. */
  readonly bucket: number;
  readonly rows: number;
  /** Lowest score among them; 0 where none is finite. */
  readonly lowest: number;
}

/** Columns of a table of counts. */
export const countColumns: TableColumns<CountRow> = {
  class: "int32",
  kind: "int32",
  bucket: "int32",
  rows: "int32",
  lowest: "float32",
};

/** Whether a row is one that counts can hold: files may be damaged. */
export const isCountRow = ({ class: index, kind, bucket, rows }: CountRow): boolean =>
  Number.isInteger(index) &&
  rows > 0 &&
  (kind === countKinds.bins
    ? bucket >= 0 && bucket < scoreBins
    : (kind === countKinds.others || kind === countKinds.best) &&
      (bucket === notFiniteBucket || (bucket >= bucketRange.first && bucket <= bucketRange.last)));

/** How many rows with which scores each class has, which adds up over score files. */
export interface ScoreCounts {
  addScore(row: Pick<ScoreRow, "class" | "rank" | "score">): void;
  add(row: CountRow): void;
  /** As they are stored, by class, kind and bucket. */
  rows(): Generator<CountRow, void, undefined>;
  /** All rows that were added. */
  readonly total: number;
  /** What may be selected, of each class by its index. @param removed Rows that may not. */
  candidates(ranking: Ranking, removed?: ScoreCounts): ReadonlyMap<number, CandidateCounts>;
  /**
   * For each class with candidates a score that all rows to be selected reach, and few others: buckets are taken from the top until
   * they hold enough rows, and the bound is the lowest score in them. So at least that many rows reach it, whatever rounding does to
   * the buckets.
   *
   * @param removed Rows that may not be selected.
   */
  bounds(bound: Bound, removed?: ScoreCounts): ScoreBounds;
  /** Rows that reach such bounds, and at most a bucket more of each class. */
  reaching(ranking: Ranking, bounds: ScoreBounds): number;
}

/** By the index of a class, a score. */
export type ScoreBounds = ReadonlyMap<number, number>;

export interface CandidateCounts {
  readonly finite: number;
  readonly notFinite: number;
  /** Images whose best class this is, by their score, in equal bins from 0 to 1. */
  readonly bestScores: readonly number[];
}

/** The bucket of a finite score. What a damaged file may hold has one too. */
const bucketOf = (score: number): number => {
  const odds = Math.abs(score / (1.0000001 - score)) + 1e-30;
  const bucket = Math.trunc(bucketsPerE * Math.log(odds));
  return Math.max(bucketRange.first, Math.min(bucketRange.last, bucket));
};

const binOf = (score: number): number => Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins)));

const buckets = bucketRange.last - bucketRange.first + 1;

/** Of one class, first its rows of kind `others`, then those of kind `best`. */
interface ClassCounts {
  readonly rows: Float64Array;
  readonly lowest: Float32Array;
  readonly notFinite: [others: number, best: number];
  readonly bins: number[];
}

/** Counts of no rows. */
export function scoreCounts(): ScoreCounts {
  const classes = new Map<number, ClassCounts>();
  let total = 0;
  const ofClass = (index: number): ClassCounts => {
    let counts = classes.get(index);
    if (!counts) {
      counts = {
        rows: new Float64Array(2 * buckets),
        lowest: new Float32Array(2 * buckets).fill(Infinity),
        notFinite: [0, 0],
        bins: Array.from({ length: scoreBins }, () => 0),
      };
      classes.set(index, counts);
    }
    return counts;
  };
  const addAt = (counts: ClassCounts, at: number, rows: number, lowest: number): void => {
    counts.rows[at]! += rows;
    if (lowest < counts.lowest[at]!) counts.lowest[at] = lowest;
  };
  /** Rows of a class and the lowest of their scores, from the highest bucket down. */
  function* fromTop(counts: ClassCounts, kinds: readonly number[]): Generator<readonly [number, number]> {
    for (let bucket = buckets - 1; bucket >= 0; bucket--) {
      let rows = 0;
      let lowest = Infinity;
      for (const kind of kinds) {
        rows += counts.rows[kind * buckets + bucket]!;
        lowest = Math.min(lowest, counts.lowest[kind * buckets + bucket]!);
      }
      if (rows > 0) yield [rows, lowest];
    }
  }
  const lowestOf = (cells: Iterable<readonly [number, number]>, wanted: number): number | undefined => {
    let above = 0;
    let bound: number | undefined;
    for (const [rows, lowest] of cells) {
      bound = Math.min(bound ?? Infinity, lowest);
      above += rows;
      if (above >= wanted) break;
    }
    return bound;
  };
  return {
    addScore({ class: index, rank, score }) {
      const counts = ofClass(index);
      const kind = rank === 1 ? countKinds.best : countKinds.others;
      total++;
      if (!Number.isFinite(score)) {
        counts.notFinite[kind]++;
        return;
      }
      addAt(counts, kind * buckets + bucketOf(score) - bucketRange.first, 1, score);
      if (kind === countKinds.best) counts.bins[binOf(score)]!++;
    },
    add({ class: index, kind, bucket, rows, lowest }) {
      const counts = ofClass(index);
      if (kind === countKinds.bins) {
        counts.bins[bucket]! += rows;
        return;
      }
      total += rows;
      if (bucket === notFiniteBucket) counts.notFinite[kind as RankKind] += rows;
      else addAt(counts, kind * buckets + bucket - bucketRange.first, rows, lowest);
    },
    *rows() {
      for (const [index, counts] of [...classes].sort(([a], [b]) => a - b)) {
        for (const kind of [countKinds.others, countKinds.best]) {
          const odd = counts.notFinite[kind];
          if (odd > 0) yield { class: index, kind, bucket: notFiniteBucket, rows: odd, lowest: 0 };
          for (let bucket = 0; bucket < buckets; bucket++) {
            const at = kind * buckets + bucket;
            const rows = counts.rows[at]!;
            const lowest = counts.lowest[at]!;
            if (rows > 0) yield { class: index, kind, bucket: bucket + bucketRange.first, rows, lowest };
          }
        }
        for (const [bin, rows] of counts.bins.entries())
          if (rows > 0) yield { class: index, kind: countKinds.bins, bucket: bin, rows, lowest: 0 };
      }
    },
    get total() {
      return total;
    },
    candidates(ranking, removed) {
      const kinds = kindsOf(ranking);
      const without = removed?.candidates(ranking);
      const found = new Map<number, CandidateCounts>();
      for (const [index, counts] of classes) {
        let finite = 0;
        for (const [rows] of fromTop(counts, kinds)) finite += rows;
        const notFinite = kinds.reduce<number>((sum, kind) => sum + counts.notFinite[kind], 0);
        if (finite + notFinite === 0) continue;
        const gone = without?.get(index);
        found.set(index, {
          finite: finite - (gone?.finite ?? 0),
          notFinite: notFinite - (gone?.notFinite ?? 0),
          bestScores: counts.bins.map((rows, bin) => rows - (gone?.bestScores[bin] ?? 0)),
        });
      }
      return found;
    },
    bounds(bound, removed) {
      const kinds = kindsOf(bound.ranking);
      // Wherever the removed rows stand, as many more reach the bound.
      const gone = new Map<number, number>();
      for (const [index, { finite }] of removed?.candidates(bound.ranking) ?? []) gone.set(index, finite);
      const found = new Map<number, number>();
      const shared =
        bound.ranking === "threshold"
          ? bound.score
          : bound.ranking === "unbalanced"
            ? lowestOf(
                fromTop(together(classes.values()), kinds),
                [...gone.values()].reduce((sum, rows) => sum + rows, bound.rows),
              )
            : undefined;
      for (const [index, counts] of classes) {
        const cells = fromTop(counts, kinds);
        const lowest =
          bound.ranking === "balanced" ? lowestOf(cells, bound.rows + (gone.get(index) ?? 0)) : shared;
        if (lowest !== undefined && hasRows(counts, kinds)) found.set(index, lowest);
      }
      return found;
    },
    reaching(ranking, bounds) {
      let reaching = 0;
      for (const [index, counts] of classes) {
        const bound = bounds.get(index);
        if (bound === undefined) continue;
        const least = bucketOf(bound);
        for (const kind of kindsOf(ranking))
          for (let bucket = least; bucket <= bucketRange.last; bucket++)
            reaching += counts.rows[kind * buckets + bucket - bucketRange.first]!;
      }
      return reaching;
    },
  };
}

const kindsOf = (ranking: Ranking): readonly RankKind[] =>
  ranking === "balanced" ? [countKinds.others, countKinds.best] : [countKinds.best];

const hasRows = ({ rows }: ClassCounts, kinds: readonly number[]): boolean =>
  kinds.some((kind) => rows.subarray(kind * buckets, (kind + 1) * buckets).some((count) => count > 0));

/** Counts of all classes together. */
function together(classes: Iterable<ClassCounts>): ClassCounts {
  const all: ClassCounts = {
    rows: new Float64Array(2 * buckets),
    lowest: new Float32Array(2 * buckets).fill(Infinity),
    notFinite: [0, 0],
    bins: [],
  };
  for (const { rows, lowest } of classes) {
    for (let at = 0; at < 2 * buckets; at++) {
      all.rows[at]! += rows[at]!;
      if (lowest[at]! < all.lowest[at]!) all.lowest[at] = lowest[at]!;
    }
  }
  return all;
}
