import { basename, dirname, join } from "node:path";
import {
  bestScoreCounts,
  boundsTable,
  copiesTable,
  candidateCounts,
  candidatesView,
  competingRows,
  duplicateCounts,
  duplicateExamples,
  duplicateTables,
  histogramTable,
  insertCopies,
  labelledTestCount,
  lowerBounds,
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
  type ClassSelection,
  type CopySummary,
  type DuplicatePair,
  type DuplicateSummary,
  type SelectionSummary,
} from "../../semi/select/selection.ts";
import { growingArray } from "../../data/loader/image-index.ts";
import { addCopies, distinctRanking, rankingsOf, type DistinctRanking } from "../../semi/select/copies.ts";
import {
  unknownClass,
  type Bound,
  type SelectImages,
  type SelectionRule,
} from "../../semi/select/selection-options.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { namingDamagedFile, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";

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
  const scores = selection.scores.map(pathOf);
  const out = pathOf(selection.out);
  return throughPartialPath(out, async (partial) => {
    await using duckdb = await openDuckdb({
      memoryLimit: shareOfDuckdb * memoryLimit,
      threads,
      spillFolder: join(
        temporaryFolder === undefined ? dirname(out) : pathOf(temporaryFolder),
        `${basename(out)}.spill`,
      ),
      signal,
    });
    const references = rule.duplicates && pathOf(rule.duplicates.references);
    const files = references === null ? scores : [...scores, references];
    return await namingDamagedFile(duckdb, files, async () => {
      await duckdb.run(scoresView(scores));
      if (rule.duplicates && references !== null) {
        for (const sql of duplicateTables(references, rule.duplicates.distance)) await duckdb.run(sql);
      }
      await duckdb.run(candidatesView(rule.ranking, rule.duplicates !== null));
      await duckdb.run(histogramTable);
      await checkScoredClasses(duckdb, classes, scores);
      await duckdb.run(boundsTable(rule.bound));
      const copies =
        rule.copyDistance === null ? null : await markCopies(duckdb, rule.bound, rule.copyDistance);
      const rows = selectedRows(rule.bound, copies !== null);
      // The partial file is temporary already.
      await duckdb.run(`COPY (${rows}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false)`);
      return { ...(await summarise(duckdb, partial, rule, classes)), copies };
    });
  });
};

/** The path of a file that has one. */
const pathOf = (uri: string): string => nodeStorageFor(uri).path(uri) ?? uri;

/** @throws DataError `semi/scores` when a score is of a class that there is not; names the file. */
async function checkScoredClasses(
  duckdb: Duckdb,
  classes: readonly string[],
  files: readonly string[],
): Promise<void> {
  const odd = `class IS NULL OR class NOT BETWEEN 0 AND ${classes.length - 1}`;
  const [found] = await duckdb.rows<{ readonly class: number | null }>(
    `SELECT class FROM histogram WHERE ${odd} LIMIT 1`,
  );
  if (found === undefined) return;
  const rows = await duckdb.rows<{ readonly shard: number }>(
    `SELECT shard FROM scores WHERE ${odd} ORDER BY shard LIMIT 1`,
  );
  throw unknownClass(rows.map(({ shard }) => files[shard]).join(), classes, found.class);
}

/**
 * Fills the table of copies, one ranking after the other, and lowers the bounds of classes whose best rows are copies until all
 * places are taken or no candidates are left.
 */
async function markCopies(duckdb: Duckdb, bound: Bound, distance: number): Promise<CopySummary> {
  await duckdb.run(copiesTable);
  const { places, keyOf } = rankingsOf(bound);
  const candidates = new Map<number, number>();
  for (const { class: index, finite, rows } of await duckdb.rows<CandidateCount>(candidateCounts)) {
    const key = keyOf({ class: index, phash: 0n });
    if (finite) candidates.set(key, (candidates.get(key) ?? 0) + rows);
  }
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
      const isOver = bound.ranking === "threshold" || seen >= (candidates.get(key) ?? 0);
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
    wanted = bound.ranking === "unbalanced" ? "SELECT class FROM histogram" : short.join(", ");
    await duckdb.run(lowerBounds({ ...bound, rows: bound.rows * depth }, wanted));
  }
}

type CompetingRow = readonly [index: number, shard: number, position: number, phash: bigint];

/** Numbers of one statement. */
const copiesAtOnce = 3 * 10_000;

/** Counts what was selected and what it was selected from. */
async function summarise(
  duckdb: Duckdb,
  selection: string,
  { ranking, k, duplicates }: SelectionRule<string>,
  names: readonly string[],
): Promise<Omit<SelectionSummary, "copies">> {
  const candidates = await duckdb.rows<CandidateCount>(candidateCounts);
  const classes = await classSelections(duckdb, selection, names, candidates);
  const [{ images }] = (await duckdb.rows(selectedImages(selection))) as [{ readonly images: number }];
  return {
    ranking,
    k,
    rows: total(classes.map(({ selected }) => selected)),
    images,
    notFinite: total(candidates.filter(({ finite }) => !finite).map(({ rows }) => rows)),
    classes,
    ...shortfalls({ ranking, k }, classes),
    duplicates: duplicates === null ? null : await duplicateSummary(duckdb),
  };
}

interface CandidateCount {
  readonly class: number;
  readonly finite: boolean;
  readonly rows: number;
}

async function classSelections(
  duckdb: Duckdb,
  selection: string,
  names: readonly string[],
  candidates: readonly CandidateCount[],
): Promise<readonly ClassSelection[]> {
  const counts = uncountedClasses(names);
  for (const { class: index, finite, rows } of candidates) if (finite) counts[index]!.candidates = rows;
  for (const { class: index, rows, highest, lowest } of await duckdb.rows<{
    readonly class: number;
    readonly rows: number;
    readonly highest: number;
    readonly lowest: number;
  }>(selectedCounts(selection))) {
    Object.assign(counts[index]!, { selected: rows, highest, lowest });
  }
  for (const { class: index, bin, images } of await duckdb.rows<{
    readonly class: number;
    readonly bin: number;
    readonly images: number;
  }>(bestScoreCounts)) {
    counts[index]!.bestScores[bin] = images;
  }
  return counts;
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
