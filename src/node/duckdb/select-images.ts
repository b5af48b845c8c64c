import { basename, dirname, join } from "node:path";
import {
  boundsTable,
  copiesTable,
  candidatesView,
  competingRows,
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
  type CheckedSelection,
  type SelectImages,
  type SelectionRule,
} from "../../semi/select/selection-options.ts";
import { countedScores } from "../../semi/score/pruned-scores.ts";
import type { CandidateCounts, ScoreBounds, ScoreCounts } from "../../semi/score/score-counts.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { isQueryError, namingDamagedFile, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";
import { countRows, duckdbPasses, removeDamagedPruned } from "./score-passes.ts";

// DuckDB's own limit does not count the pages that it reads and writes, nor threads and code.
const shareOfDuckdb = 0.6;

/**
 * Selects images in DuckDB, with bounded memory for any number of rows.
 *
 * @throws DataError for files that are damaged, a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export const selectWithDuckdb: SelectImages = async (selection) => {
  const scores = selection.scores.map(pathOf);
  try {
    return await selectFrom(scores, selection);
  } catch (error) {
    // What was derived from scores is made again, as if it were not there.
    if (isQueryError(error) && (await removeDamagedPruned(scores)))
      return await selectFrom(scores, selection);
    throw error;
  }
};

function selectFrom(scores: readonly string[], selection: CheckedSelection): Promise<SelectionSummary> {
  const { rule, scoreRows, classes, memoryLimit, threads, temporaryFolder, signal } = selection;
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
      const counted = await countedScores(
        nodeStorageFor,
        scores.map((path, index) => ({ path, rows: scoreRows[index]! })),
        duckdbPasses(duckdb),
        signal,
      );
      await duckdb.run(scoresView(scores));
      let removed: ScoreCounts | undefined;
      if (rule.duplicates && references !== null) {
        for (const sql of duplicateTables(references, rule.duplicates.distance)) await duckdb.run(sql);
        removed = await countRows(duckdb, duplicateScores);
      }
      const candidates = counted.counts.candidates(rule.ranking, removed);
      await checkScoredClasses(duckdb, classes, scores, candidates);
      const boundBy = async (bounds: ScoreBounds): Promise<void> => {
        const sources = await counted.reaching(rule.bound, bounds);
        await duckdb.run(candidatesView(sources, rule.ranking, removed !== undefined));
        await duckdb.run(boundsTable(bounds));
      };
      const boundsOf = (bound: Bound): ScoreBounds => counted.counts.bounds(bound, removed);
      await boundBy(boundsOf(rule.bound));
      const copies =
        rule.copyDistance === null
          ? null
          : await markCopies(duckdb, rule.bound, rule.copyDistance, { candidates, boundsOf, boundBy });
      const rows = selectedRows(rule.bound, copies !== null);
      // The partial file is temporary already.
      await duckdb.run(`COPY (${rows}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false)`);
      return { ...(await summarise(duckdb, partial, rule, classes, candidates)), copies };
    });
  });
}

/** The path of a file that has one. */
const pathOf = (uri: string): string => nodeStorageFor(uri).path(uri) ?? uri;

/** @throws DataError `semi/scores` when a score is of a class that there is not; names the file. */
async function checkScoredClasses(
  duckdb: Duckdb,
  classes: readonly string[],
  files: readonly string[],
  candidates: Candidates,
): Promise<void> {
  const odd = [...candidates.keys()].find((index) => classes[index] === undefined);
  if (odd === undefined) return;
  const rows = await duckdb.rows<{ readonly shard: number }>(
    `SELECT shard FROM scores WHERE class IS NOT DISTINCT FROM ${odd} ORDER BY shard LIMIT 1`,
  );
  throw unknownClass(rows.map(({ shard }) => files[shard]).join(), classes, odd);
}

/** What may be selected of each class. */
type Candidates = ReadonlyMap<number, CandidateCounts>;

/** What marking copies needs to go further down than the places that there are. */
interface LowerBounds {
  readonly candidates: Candidates;
  readonly boundsOf: (bound: Bound) => ScoreBounds;
  /** Makes the rows above bounds those that compete. */
  readonly boundBy: (bounds: ScoreBounds) => Promise<void>;
}

/**
 * Fills the table of copies, one ranking after the other, and lowers the bounds of classes whose best rows are copies until all
 * places are taken or no candidates are left.
 */
async function markCopies(
  duckdb: Duckdb,
  bound: Bound,
  distance: number,
  { candidates, boundsOf, boundBy }: LowerBounds,
): Promise<CopySummary> {
  await duckdb.run(copiesTable);
  const { places, keyOf } = rankingsOf(bound);
  const competing = new Map<number, number>();
  for (const [index, { finite }] of candidates) {
    const key = keyOf({ class: index, phash: 0n });
    competing.set(key, (competing.get(key) ?? 0) + finite);
  }
  let bounds = boundsOf(bound);
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
      const isOver = bound.ranking === "threshold" || seen >= (competing.get(key) ?? 0);
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
    const lowered = boundsOf({ ...bound, rows: bound.rows * depth });
    const isWanted = (index: number): boolean => bound.ranking === "unbalanced" || short.includes(index);
    bounds = new Map(
      [...bounds].map(([index, lowest]) => [index, isWanted(index) ? lowered.get(index)! : lowest]),
    );
    wanted = [...bounds.keys()].filter(isWanted).join(", ");
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
  { ranking, k, duplicates }: SelectionRule<string>,
  names: readonly string[],
  candidates: Candidates,
): Promise<Omit<SelectionSummary, "copies">> {
  const classes = await classSelections(duckdb, selection, names, candidates);
  const [{ images }] = (await duckdb.rows(selectedImages(selection))) as [{ readonly images: number }];
  return {
    ranking,
    k,
    rows: total(classes.map(({ selected }) => selected)),
    images,
    notFinite: total([...candidates.values()].map(({ notFinite }) => notFinite)),
    classes,
    ...shortfalls({ ranking, k }, classes),
    duplicates: duplicates === null ? null : await duplicateSummary(duckdb),
  };
}

async function classSelections(
  duckdb: Duckdb,
  selection: string,
  names: readonly string[],
  candidates: Candidates,
): Promise<readonly ClassSelection[]> {
  const counts = uncountedClasses(names);
  for (const [index, { finite, bestScores }] of candidates)
    Object.assign(counts[index]!, { candidates: finite, bestScores });
  for (const { class: index, rows, highest, lowest } of await duckdb.rows<{
    readonly class: number;
    readonly rows: number;
    readonly highest: number;
    readonly lowest: number;
  }>(selectedCounts(selection))) {
    Object.assign(counts[index]!, { selected: rows, highest, lowest });
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
