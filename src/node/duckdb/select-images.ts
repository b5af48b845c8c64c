import { basename, dirname, join } from "node:path";
import {
  boundsTable,
  candidatesView,
  competingRows,
  copiesTable,
  countedScores,
  duplicateCounts,
  duplicateExamples,
  duplicateScores,
  duplicateTables,
  insertCopies,
  labelledTestCount,
  scoresView,
  selectedCounts,
  selectedImages,
  selectedRows,
  sqlText,
} from "../../semi/select/select-sql.ts";
import {
  shortfalls,
  shownDuplicates,
  uncountedClasses,
  type Bound,
  type ClassSelection,
  type CopySummary,
  type DuplicatePair,
  type DuplicateSummary,
  type SelectionSummary,
} from "../../semi/select/selection.ts";
import { growingArray } from "../../data/loader/image-index.ts";
import type { RowSources } from "../../semi/score/pruned-scores.ts";
import {
  boundsOf,
  candidatesOf,
  lowestBound,
  noCounts,
  withoutCounts,
  type CandidateCounts,
  type ScoreCounts,
} from "../../semi/score/score-counts.ts";
import { addCopies, distinctRanking, rankingsOf, type DistinctRanking } from "../../semi/select/copies.ts";
import type { SelectImages, SelectionRule } from "../../semi/select/selection-options.ts";
import { pathOnDisk } from "../files/file-storage.ts";
import { isQueryError, namingDamagedFile, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";
import { addQueried, countScores, prunedSources, removeUnreadable, type CountedFiles } from "./score-rows.ts";

// DuckDB's own limit does not count the pages that it reads and writes, nor threads and code.
const shareOfDuckdb = 0.6;

/**
 * Selects images in DuckDB, with bounded memory for any number of rows.
 *
 * @throws DataError for files that are damaged, a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export const selectWithDuckdb: SelectImages = (selection) => {
  const { rule, classes, memoryLimit, threads, temporaryFolder, signal } = selection;
  const scores = selection.scores.map(pathOnDisk);
  const out = pathOnDisk(selection.out);
  return throughPartialPath(out, async (partial) => {
    await using duckdb = await openDuckdb({
      memoryLimit: shareOfDuckdb * memoryLimit,
      threads,
      spillFolder: join(
        temporaryFolder === undefined ? dirname(out) : pathOnDisk(temporaryFolder),
        `${basename(out)}.spill`,
      ),
      signal,
    });
    const references = rule.duplicates && pathOnDisk(rule.duplicates.references);
    const files = references === null ? scores : [...scores, references];
    return await namingDamagedFile(duckdb, files, async () => {
      const counts = await countScores(duckdb, scores, selection.scored, classes);
      await duckdb.run(scoresView(scores));
      let left = counts;
      let duplicates: DuplicateSummary | null = null;
      if (rule.duplicates && references !== null) {
        for (const sql of duplicateTables(references, rule.duplicates.distance)) await duckdb.run(sql);
        duplicates = await duplicateSummary(duckdb);
        if (duplicates.images > 0) left = withoutCounts(counts, await duplicateRows(duckdb, classes));
      }
      const counted = { paths: scores, digests: selection.scored.digests, counts };
      const ranked = await rank(duckdb, counted, left, rule, partial, signal);
      return { ...(await summarise(duckdb, partial, rule, classes, left)), duplicates, ...ranked };
    });
  });
};

/** The counts of the rows of duplicates, of which none is counted too low. */
async function duplicateRows(duckdb: Duckdb, classes: readonly string[]): Promise<ScoreCounts> {
  const counts = noCounts(classes.length);
  await addQueried(duckdb, counts, countedScores(duplicateScores, "max"));
  return counts;
}

/**
 * Ranks the rows that reach the bounds, and writes those of the selection. Where pruned scores cannot be read, or another process has
 * removed them meanwhile, once more from the score files.
 *
 * @param left What is left of the counts without duplicates.
 */
async function rank(
  duckdb: Duckdb,
  files: CountedFiles,
  left: ScoreCounts,
  rule: SelectionRule<string>,
  out: string,
  signal: AbortSignal | undefined,
): Promise<Pick<SelectionSummary, "copies">> {
  const { bound, duplicates, ranking, copyDistance } = rule;
  const scoreFiles: RowSources = { pruned: [], others: [...files.paths.keys()] };
  let sources = scoreFiles;
  const attempt = async (isPruned: boolean): Promise<Pick<SelectionSummary, "copies">> => {
    const boundBy = async (bounds: readonly number[]): Promise<void> => {
      sources = isPruned ? await prunedSources(duckdb, files, bound, bounds, { signal }) : scoreFiles;
      for (const sql of candidatesView(files.paths, sources, ranking, duplicates !== null))
        await duckdb.run(sql);
      await duckdb.run(boundsTable(bounds));
    };
    await boundBy(boundsOf(left, bound));
    const copies =
      copyDistance === null ? null : await markCopies(duckdb, bound, copyDistance, left, boundBy);
    const rows = selectedRows(bound, copies !== null);
    // The partial file is temporary already.
    await duckdb.run(`COPY (${rows}) TO ${sqlText(out)} (FORMAT parquet, USE_TMP_FILE false)`);
    return { copies };
  };
  try {
    return await attempt(true);
  } catch (error) {
    if (!isQueryError(error) || sources.pruned.length === 0) throw error;
    await removeUnreadable(duckdb, sources);
    return await attempt(false);
  }
}

/**
 * Fills the table of copies, one ranking after the other, and lowers the bounds of classes whose best rows are copies until all
 * places are taken or no candidates are left.
 *
 * @param boundBy Makes the rows that reach bounds the candidates.
 */
async function markCopies(
  duckdb: Duckdb,
  bound: Bound,
  distance: number,
  counts: ScoreCounts,
  boundBy: (bounds: readonly number[]) => Promise<void>,
): Promise<CopySummary> {
  await duckdb.run(copiesTable);
  const { places, keyOf } = rankingsOf(bound);
  const candidates = new Map<number, number>();
  for (const [index, { finite }] of candidatesOf(counts, bound.ranking).entries()) {
    const key = keyOf({ class: index, phash: 0n });
    candidates.set(key, (candidates.get(key) ?? 0) + finite);
  }
  let bounds = boundsOf(counts, bound);
  const summaries: CopySummary[] = [];
  let wanted = "SELECT class FROM bounds";
  for (let depth = 4; ; depth *= 4) {
    const copies = growingArray((length) => new Int32Array(length));
    const short: number[] = [];
    let open: { readonly key: number; readonly from: number; readonly ranking: DistinctRanking } | undefined;
    let seen = 0;
    const finish = (): void => {
      if (!open) return;
      const { key, from, ranking } = open;
      const isOver =
        bound.ranking === "threshold" || seen >= (candidates.get(key) ?? 0) || bounds[key]! <= lowestBound;
      if (ranking.isFull || isOver) summaries.push(ranking.tally());
      else {
        short.push(key);
        copies.truncate(from);
      }
    };
    for await (const rows of duckdb.stream(competingRows(bound.ranking, wanted))) {
      for (const [index, shard, position, phash] of rows as readonly CompetingRow[]) {
        const row = { class: index, phash };
        const key = keyOf(row);
        if (open?.key !== key) {
          finish();
          open = { key, from: copies.length, ranking: distinctRanking(places, distance) };
          seen = 0;
        }
        seen++;
        if (open.ranking.next(row) !== "copy") continue;
        copies.push(index);
        copies.push(shard);
        copies.push(position);
      }
    }
    finish();
    const values = copies.values();
    for (let at = 0; at < values.length; at += copiesAtOnce)
      await duckdb.run(insertCopies(values.subarray(at, at + copiesAtOnce)));
    if (bound.ranking === "threshold" || short.length === 0) return addCopies(summaries);
    const lowered = boundsOf(counts, { ...bound, rows: bound.rows * depth });
    const shorts = new Set(short);
    const isLowered = (index: number): boolean => bound.ranking === "unbalanced" || shorts.has(index);
    bounds = bounds.map((lowest, index) => (isLowered(index) ? lowered[index]! : lowest));
    if (bound.ranking === "balanced") wanted = short.join(", ");
    await boundBy(bounds);
  }
}

type CompetingRow = readonly [index: number, shard: number, position: number, phash: bigint];

/** Numbers of one statement. */
const copiesAtOnce = 3 * 10_000;

/** Counts what was selected and what it was selected from. */
async function summarise(
  duckdb: Duckdb,
  selection: string,
  { ranking, k }: SelectionRule<string>,
  names: readonly string[],
  counts: ScoreCounts,
): Promise<Omit<SelectionSummary, "copies" | "duplicates">> {
  const candidates = candidatesOf(counts, ranking);
  const classes = await classSelections(duckdb, selection, names, candidates);
  const [{ images }] = (await duckdb.rows(selectedImages(selection))) as [{ readonly images: number }];
  return {
    ranking,
    k,
    rows: total(classes.map(({ selected }) => selected)),
    images,
    notFinite: total(candidates.map(({ notFinite }) => notFinite)),
    classes,
    ...shortfalls({ ranking, k }, classes),
  };
}

async function classSelections(
  duckdb: Duckdb,
  selection: string,
  names: readonly string[],
  candidates: readonly CandidateCounts[],
): Promise<readonly ClassSelection[]> {
  const classes = uncountedClasses(names).map((none, index) => {
    const { finite, bestScores } = candidates[index]!;
    return { ...none, candidates: finite, bestScores };
  });
  for (const { class: index, rows, highest, lowest } of await duckdb.rows<{
    readonly class: number;
    readonly rows: number;
    readonly highest: number;
    readonly lowest: number;
  }>(selectedCounts(selection))) {
    Object.assign(classes[index]!, { selected: rows, highest, lowest });
  }
  return classes;
}

async function duplicateSummary(duckdb: Duckdb): Promise<DuplicateSummary> {
  const [counts] = (await duckdb.rows(duplicateCounts)) as [
    { readonly images: number } & DuplicateSummary["sets"],
  ];
  const { images, ...sets } = counts;
  const [{ images: labelledTests }] = (await duckdb.rows(labelledTestCount)) as [{ readonly images: number }];
  return {
    images,
    sets,
    labelledTests,
    examples: await duckdb.rows<DuplicatePair>(duplicateExamples(shownDuplicates)),
  };
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
