import type { StorageFor } from "../../core/storage/index.ts";
import { tableFingerprint } from "../parquet-table.ts";
import type { Bound } from "../select/selection-options.ts";
import {
  addStandingCounts,
  countScores,
  holdsAll,
  prunedPath,
  pruneScores,
  readPruned,
  whereWritable,
  writeCounts,
  type PrunedOrigin,
} from "./score-companions.ts";
import { isCountRow, scoreCounts, type ScoreBounds, type ScoreCounts } from "./score-counts.ts";

/** A score file and how many rows it holds. */
export interface ScoreFileRows {
  readonly path: string;
  readonly rows: number;
}

/** How the rows of score files are gone through. */
export interface ScorePasses {
  count(scores: string): Promise<ScoreCounts>;
  /** @throws DataError when the storage refuses what is written */
  prune(scores: string, origin: PrunedOrigin): Promise<void>;
}

/** Goes through the rows here, on any storage. */
export const plainPasses = (storageFor: StorageFor, signal?: AbortSignal): ScorePasses => ({
  count: (scores) => countScores(storageFor(scores), scores, signal),
  prune: (scores, origin) => pruneScores(storageFor(scores), scores, origin, signal),
});

/** Score files of which is known how many rows have which scores. */
export interface CountedScores {
  readonly counts: ScoreCounts;
  /**
   * For each score file one with all of its rows that reach the bounds, and few others: the pruned one where that holds them, else one
   * that is made now, where most rows can be left out and the storage lets it; else the score file.
   *
   * @param bounds Scores that rows have to reach, those of `counts` or lower ones.
   * @param wanted Only these score files are looked at.
   */
  reaching(bound: Bound, bounds: ScoreBounds, wanted?: ReadonlySet<string>): Promise<readonly string[]>;
}

/** Adds up the counts beside score files. Those that are missing, or of other scores, are made. */
export async function countedScores(
  storageFor: StorageFor,
  files: readonly ScoreFileRows[],
  passes: ScorePasses,
  signal?: AbortSignal,
): Promise<CountedScores> {
  const counts = scoreCounts();
  const tables: string[] = [];
  for (const { path, rows } of files) {
    signal?.throwIfAborted();
    const storage = storageFor(path);
    const table = await tableFingerprint(storage, path);
    tables.push(table);
    if (await addStandingCounts(storage, path, table, rows, counts)) continue;
    const made = await passes.count(path);
    const counted = [...made.rows()];
    // Classes of a damaged file may be none.
    if (counted.every(isCountRow)) await whereWritable(() => writeCounts(storage, path, table, made));
    for (const row of counted) counts.add(row);
  }
  return {
    counts,
    async reaching(bound, bounds, wanted) {
      const { ranking } = bound;
      const kept = lower(bounds, counts.bounds(sparing(bound)));
      const share = counts.reaching(ranking, kept) / counts.total;
      const sources: string[] = [];
      for (const [index, { path, rows }] of files.entries()) {
        signal?.throwIfAborted();
        if (wanted && !wanted.has(path)) continue;
        const table = tables[index]!;
        const pruned = await readPruned(storageFor(path), path, table);
        const stands = pruned && holdsAll(pruned, ranking, bounds) && pruned.rows <= mostSpare * share * rows;
        const isWorthwhile = share <= mostKept;
        const origin = { table, ranking, bounds: [...kept] };
        const isThere = stands || (isWorthwhile && (await whereWritable(() => passes.prune(path, origin))));
        sources.push(isThere ? prunedPath(path) : path);
      }
      return sources;
    },
  };
}

// Duplicates and copies lower the bounds, and so does a K that is a little larger.
const spareRows = 1.5;
// What one more file costs is saved by reading a part of the rows only.
const mostKept = 0.25;
// A file is pruned again where it holds more than that many times the rows that it needs.
const mostSpare = 3;

const sparing = (bound: Bound): Bound =>
  bound.ranking === "threshold" ? bound : { ...bound, rows: Math.ceil(spareRows * bound.rows) };

/** Of each class the lower of two bounds. */
const lower = (one: ScoreBounds, other: ScoreBounds): ScoreBounds =>
  new Map([...one].map(([index, lowest]) => [index, Math.min(lowest, other.get(index) ?? Infinity)]));
