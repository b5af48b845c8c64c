import { unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { SslResnextError } from "../../core/index.ts";
import { damagedTable } from "../../semi/parquet-table.ts";
import {
  ofOthers,
  prunedFolder,
  prunedKey,
  prunedPath,
  sourcesOf,
  standingPruned,
  superseded,
  type PrunedContents,
  type RowSources,
} from "../../semi/score/pruned-scores.ts";
import { readScoreDigest } from "../../semi/score/score-files.ts";
import {
  boundsOf,
  countedRows,
  countRows,
  rowsReaching,
  type ScoreCounts,
  type ScoredRows,
} from "../../semi/score/score-counts.ts";
import { boundsTable, countedScores, prunedRows, sqlFiles, sqlText } from "../../semi/select/select-sql.ts";
import type { Bound } from "../../semi/select/selection.ts";
import { unknownClass } from "../../semi/select/selection-options.ts";
import { fileStorage } from "../files/file-storage.ts";
import { isQueryError, throughPartialPath, type Duckdb } from "./duckdb.ts";

/**
 * Adds what a query of `countedScores` gives.
 *
 * @returns an index that no class has, when a row is of such a one
 */
export async function addQueried(
  duckdb: Duckdb,
  counts: ScoreCounts,
  query: string,
): Promise<{ readonly odd: number | null } | undefined> {
  for await (const rows of duckdb.stream(query)) {
    for (const [index, isBest, score, some] of rows as readonly CountedValues[]) {
      if (index === null || index < 0 || index >= counts.classes) return { odd: index };
      countRows(counts, { class: index, rank: isBest ? 1 : 2, score }, some);
    }
  }
  return undefined;
}

type CountedValues = readonly [index: number | null, isBest: boolean, score: number, rows: number];

/**
 * The counts of score files: of those that do not say theirs, the rows are counted.
 *
 * @throws DataError `semi/scores` when a score is of a class that there is not; names the file
 */
export async function countScores(
  duckdb: Duckdb,
  paths: readonly string[],
  { counts, uncounted }: ScoredRows,
  classes: readonly string[],
): Promise<ScoreCounts> {
  if (uncounted.length === 0) return counts;
  const all: ScoreCounts = { ...counts, values: counts.values.slice() };
  const files = uncounted.map((index) => paths[index]!);
  const found = await addQueried(duckdb, all, countedScores(sqlFiles(files)));
  if (found === undefined) return all;
  const [first] = await duckdb.rows<{ readonly file: number }>(
    `SELECT file_index::INTEGER AS file FROM ${sqlFiles(files)} WHERE class IS NOT DISTINCT FROM ${found.odd} ORDER BY file LIMIT 1`,
  );
  throw unknownClass(files[first!.file]!, classes, found.odd);
}

/** Score files, and how many rows they have with which scores. */
export interface CountedFiles {
  readonly paths: readonly string[];
  /** Of each file that has one. */
  readonly digests: readonly (string | undefined)[];
  readonly counts: ScoreCounts;
}

// Duplicates and copies lower the bounds, and so does a K that is a little larger.
const spareRows = 1.5;
// What one more table costs is saved by reading a part of the rows only.
const mostKept = 0.25;

const sparing = (bound: Bound): Bound =>
  bound.ranking === "threshold" ? bound : { ...bound, rows: Math.ceil(spareRows * bound.rows) };

/** Which score files are pruned, and until when. */
interface PruneOptions {
  /** Only these. @default all */
  readonly wanted?: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Finds where the rows of score files that reach bounds are read: in pruned scores that have them all, or in such as are made now, where
 * most rows can be left out; else in the score files. As pruned scores only save time, nothing that is wrong with them or that keeps them
 * from being written ends a selection.
 *
 * @param bounds Scores that rows have to reach, those of the counts for the bound, or lower ones.
 */
export async function prunedSources(
  duckdb: Duckdb,
  files: CountedFiles,
  bound: Bound,
  bounds: readonly number[],
  { wanted, signal }: PruneOptions,
): Promise<RowSources> {
  const { paths, digests, counts } = files;
  const { ranking } = bound;
  const folder = prunedFolder(fileStorage, dirname(paths[0]!));
  const standing = await orElse([], signal, () => standingPruned(fileStorage, folder));
  const sources = sourcesOf(standing, digests, ranking, bounds);
  const left = sources.others.filter(
    (index) => digests[index] !== undefined && (!wanted || wanted.has(paths[index]!)),
  );
  if (left.length === 0) return sources;
  const spare = boundsOf(counts, sparing(bound));
  const kept = bounds.map((lowest, index) => Math.min(lowest, spare[index]!));
  if (rowsReaching(counts, ranking, kept) > mostKept * countedRows(counts)) return sources;
  const contents: PrunedContents = { scores: left.map((index) => digests[index]!), ranking, bounds: kept };
  const path = await prunedPath(fileStorage, folder, contents);
  const written = left.map((index) => paths[index]!);
  const isWritten = await orElse(false, signal, async () => {
    await writePruned(duckdb, path, written, contents);
    return true;
  });
  if (!isWritten) return sources;
  // Processes that prune score files one after the other do not know those that come next.
  const old = [...superseded(standing, contents), ...(wanted ? [] : ofOthers(standing, digests))];
  for (const needless of old) if (needless.path !== path) await removeQuietly(needless.path);
  const others = standing.filter((one) => !old.includes(one));
  return sourcesOf([...others, { ...contents, path }], digests, ranking, bounds);
}

/** @throws DataError also when a score file was another one by the time that its rows were read */
async function writePruned(
  duckdb: Duckdb,
  path: string,
  files: readonly string[],
  contents: PrunedContents,
): Promise<void> {
  await fileStorage.makeFolder(dirname(path));
  await throughPartialPath(path, async (partial) => {
    await duckdb.run(boundsTable(contents.bounds, "kept_bounds"));
    const said = `KV_METADATA {${sqlText(prunedKey)}: ${sqlText(JSON.stringify(contents))}}`;
    await duckdb.run(
      `COPY (${prunedRows(files, contents.ranking)}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false, ${said})`,
    );
    for (const [index, file] of files.entries()) {
      if ((await readScoreDigest(fileStorage, file)) !== contents.scores[index])
        throw damagedTable(file, "its rows are no longer those that were looked for");
    }
  });
}

/** What work gives, or something else where it fails; not when it was told to stop. */
async function orElse<T>(other: T, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SslResnextError) return other;
    throw error;
  }
}

const removeQuietly = (path: string): Promise<void> => unlink(path).catch(() => undefined);

/** Removes pruned scores whose rows cannot be read, as far as the system lets it. */
export async function removeUnreadable(duckdb: Duckdb, { pruned }: RowSources): Promise<void> {
  for (const { path } of pruned) {
    try {
      await duckdb.run(`SELECT max(COLUMNS(*)) FROM ${sqlFiles([path])}`);
    } catch (error) {
      if (!isQueryError(error)) throw error;
      await removeQuietly(path);
    }
  }
}
