import { basename, dirname, join, resolve } from "node:path";
import { DataError, UsageError } from "../../core/index.ts";
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
  scoreBins,
  scoresView,
  selectedCounts,
  selectedImages,
  selectedRows,
  sqlText,
  type Bound,
} from "../../semi/select/select-sql.ts";
import {
  defaultK,
  type ClassSelection,
  type DuplicatePair,
  type DuplicateSummary,
  type Ranking,
  type SelectionSummary,
} from "../../semi/select/selection.ts";
import { referenceColumns } from "../../semi/tables.ts";
import { readTableMetadata } from "../../semi/parquet-table.ts";
import { checkScoreFiles } from "../../semi/score/score-files.ts";
import type { SelectImagesOptions } from "../../semi/select-images.ts";
import { fileStorage } from "../files/file-storage.ts";
import { namingDamagedFile, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";

// DuckDB's own limit does not count the pages that it reads and writes, nor threads and code.
const shareOfDuckdb = 0.6;

/**
 * Selects images of score files for each class and writes them as a table of `SelectionRow`, complete or not at all.
 *
 * The result depends on the scores only: ties are broken by the name of the image, then by shard and position, and
 * rows without a finite score are left out. Memory is bounded for any number of rows.
 *
 * @throws UsageError for options that cannot be; DataError for score files that cannot be read, are damaged, or are of
 *   several teachers or other classes, and for a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export async function selectImages(options: SelectImagesOptions): Promise<SelectionSummary> {
  const { classes, memoryLimit = 1e9, threads, signal } = options;
  const rule = selectionRule(options);
  const scores = options.scores.map((path) => resolve(path));
  const out = resolve(options.out);
  await checkScoreFiles(fileStorage, scores, classes, signal);
  const references = rule.duplicates && resolve(rule.duplicates.references);
  if (references !== null) await readTableMetadata(fileStorage, references, referenceColumns);
  return throughPartialPath(out, async (partial) => {
    await using duckdb = await openDuckdb({
      memoryLimit: shareOfDuckdb * memoryLimit,
      threads,
      spillFolder: join(options.temporaryFolder ?? dirname(out), `${basename(out)}.spill`),
      signal,
    });
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
}

/** The options that decide which rows are taken, complete and checked. */
interface SelectionRule {
  readonly ranking: Ranking;
  readonly k: number | null;
  readonly bound: Bound;
  readonly duplicates: { readonly references: string; readonly distance: number } | null;
}

// More bits than a quarter and any two images are alike.
const largestDistance = 16;

/** @throws UsageError `semi/k`, `semi/threshold` or `semi/duplicate-distance` */
function selectionRule(options: SelectImagesOptions): SelectionRule {
  const { ranking = "balanced", classes, images, threshold = 0.95 } = options;
  const duplicates = duplicateRule(options);
  if (ranking === "threshold") {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new UsageError(
        "semi/threshold",
        `threshold: expected a score from 0 to 1, received ${threshold}.`,
      );
    }
    // Scores are stored in float32, so that is what "reaches 0.95" means.
    return { ranking, k: null, bound: { ranking, score: Math.fround(threshold) }, duplicates };
  }
  const k = options.k ?? defaultK(images, classes.length);
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new UsageError(
      "semi/k",
      `k: expected a whole number of images of each class, at least 1, received ${k}.`,
    );
  }
  const rows = ranking === "balanced" ? k : k * classes.length;
  return { ranking, k, bound: { ranking, rows }, duplicates };
}

function duplicateRule({
  references,
  duplicateDistance: distance = null,
}: SelectImagesOptions): SelectionRule["duplicates"] {
  if (distance === null) return null;
  if (!Number.isInteger(distance) || distance < 0 || distance > largestDistance) {
    throw new UsageError(
      "semi/duplicate-distance",
      `duplicateDistance: expected a whole number of bits from 0 to ${largestDistance}, or null for off, received ${distance}.`,
    );
  }
  if (references === undefined) {
    throw new UsageError(
      "semi/duplicate-distance",
      "duplicateDistance: expected a table of references to compare with, received none. Name it, or set the distance to null.",
    );
  }
  return { references, distance };
}

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
  throw new DataError(
    "semi/scores",
    `${rows.map(({ shard }) => files[shard]).join()}: expected classes from 0 to ${classes.length - 1}, received ${found.class}. The file is damaged: score the shard again.`,
  );
}

/** Counts what was selected and what it was selected from. */
async function summarise(
  duckdb: Duckdb,
  selection: string,
  { ranking, k, duplicates }: SelectionRule,
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
    short: ranking === "balanced" ? classes.filter((c) => c.candidates < k!).map(({ name }) => name) : [],
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
  const counts = names.map((name) => ({
    name,
    candidates: 0,
    selected: 0,
    highest: null as number | null,
    lowest: null as number | null,
    bestScores: Array.from({ length: scoreBins }, () => 0),
  }));
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
  return { images, sets, labelledTests, examples: await duckdb.rows<DuplicatePair>(duplicateExamples(20)) };
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
