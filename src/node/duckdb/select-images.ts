import { basename, dirname, join } from "node:path";
import {
  bestScoreCounts,
  boundsTable,
  candidateCounts,
  candidatesView,
  duplicateCounts,
  duplicateExamples,
  duplicateTables,
  histogramTable,
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
  type ClassSelection,
  type DuplicatePair,
  type DuplicateSummary,
  type SelectionSummary,
} from "../../semi/select/selection.ts";
import { unknownClass, type SelectImages, type SelectionRule } from "../../semi/select/selection-options.ts";
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
      const rows = selectedRows(rule.bound);
      // The partial file is temporary already.
      await duckdb.run(`COPY (${rows}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false)`);
      return await summarise(duckdb, partial, rule, classes);
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

/** Counts what was selected and what it was selected from. */
async function summarise(
  duckdb: Duckdb,
  selection: string,
  { ranking, k, duplicates }: SelectionRule<string>,
  names: readonly string[],
): Promise<SelectionSummary> {
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
