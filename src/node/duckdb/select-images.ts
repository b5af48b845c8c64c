import { basename, dirname, join, resolve } from "node:path";
import {
  comparedPairs,
  selectionRule,
  unknownClass,
  type SelectImages,
  type SelectImagesOptions,
  type SelectionRule,
} from "../../semi/select/select-images.ts";
import { selectInMemory } from "../../semi/select/select-in-memory.ts";
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
  scoreBins,
  shownDuplicates,
  type ClassSelection,
  type DuplicatePair,
  type DuplicateSummary,
  type SelectionSummary,
} from "../../semi/select/selection.ts";
import { referenceColumns, scoreColumns, selectionColumns } from "../../semi/tables.ts";
import { fileStorage } from "../files/file-storage.ts";
import { namingDamagedFile, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";
import { openTableWriter, readTable, readTableMetadata } from "../../semi/parquet-table.ts";
import { checkScoreFiles } from "../../semi/score/score-files.ts";

/**
 * Selects images of score files for each class and writes them as a table of `SelectionRow`, complete or not at all:
 * few rows by sorting them here, others in DuckDB, which gives the same rows. Memory is bounded for any number.
 *
 * @throws UsageError for options that cannot be; DataError for score files that cannot be read, are damaged, or are of
 *   several teachers or other classes, and for a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export const selectImages: SelectImages = async (options) => {
  const tables = await checkTables(options);
  return isSmall(tables, options) ? sortTables(tables, options) : queryTables(tables, options);
};

/** The same in DuckDB, however few rows there are. */
export const selectWithDuckdb: SelectImages = async (options) =>
  queryTables(await checkTables(options), options);

/** The files of a selection, found to be what they should be. */
interface Tables {
  readonly rule: SelectionRule<string>;
  /** Absolute paths. */
  readonly scores: readonly string[];
  readonly references: string | null;
  readonly out: string;
  readonly scoreRows: number;
  readonly referenceRows: number;
}

async function checkTables(options: SelectImagesOptions): Promise<Tables> {
  const rule = selectionRule(options);
  const scores = options.scores.map((path) => resolve(path));
  const out = resolve(options.out);
  const scoreRows = await checkScoreFiles(fileStorage, scores, options.classes, options.signal);
  const references = rule.duplicates && resolve(rule.duplicates.references);
  const referenceRows =
    references === null
      ? 0
      : Number((await readTableMetadata(fileStorage, references, referenceColumns)).num_rows);
  return { rule, scores, references, out, scoreRows, referenceRows };
}

// Up to here DuckDB takes longer to be loaded and to start than the rows take to be sorted.
const fewRows = 100_000;
const bytesPerRow = 1000;
// Less than a second, in which nothing else happens here.
const fewPairs = 1e7;

/** Depends on the tables and options only, so that a selection that is made again is the same file. */
function isSmall({ rule, scoreRows, referenceRows }: Tables, options: SelectImagesOptions): boolean {
  const { images, memoryLimit = defaultMemory } = options;
  const rows = scoreRows + referenceRows;
  const distance = rule.duplicates?.distance ?? 0;
  return (
    rows < Math.min(fewRows, memoryLimit / bytesPerRow) &&
    comparedPairs(images, referenceRows, distance) < fewPairs
  );
}

async function sortTables(
  { scores, references, out }: Tables,
  options: SelectImagesOptions,
): Promise<SelectionSummary> {
  const { signal } = options;
  signal?.throwIfAborted();
  // Shows at once whether the folder can be written to.
  const writer = await openTableWriter(fileStorage, out, selectionColumns);
  try {
    const { rows, summary } = await selectInMemory({
      ...options,
      scores: scores.map((name) => ({ name, rows: readTable(fileStorage, name, scoreColumns, signal) })),
      references:
        references === null ? undefined : readTable(fileStorage, references, referenceColumns, signal),
    });
    await writer.write(rows);
    signal?.throwIfAborted();
    await writer.close();
    return summary;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

const defaultMemory = 1e9;
// DuckDB's own limit does not count the pages that it reads and writes, nor threads and code.
const shareOfDuckdb = 0.6;

async function queryTables(
  { rule, scores, references, out }: Tables,
  { classes, memoryLimit = defaultMemory, threads, temporaryFolder, signal }: SelectImagesOptions,
): Promise<SelectionSummary> {
  return throughPartialPath(out, async (partial) => {
    await using duckdb = await openDuckdb({
      memoryLimit: shareOfDuckdb * memoryLimit,
      threads,
      spillFolder: join(temporaryFolder ?? dirname(out), `${basename(out)}.spill`),
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
  return {
    images,
    sets,
    labelledTests,
    examples: await duckdb.rows<DuplicatePair>(duplicateExamples(shownDuplicates)),
  };
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
