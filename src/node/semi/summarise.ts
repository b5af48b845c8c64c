import {
  bestScoreCounts,
  candidateCounts,
  duplicateCounts,
  duplicateExamples,
  labelledTestCount,
  scoreBins,
  selectedCounts,
  selectedImages,
} from "../../semi/select/index.ts";
import type {
  ClassSelection,
  DuplicatePair,
  DuplicateSummary,
  SelectionSummary,
} from "../../semi/selection-summary.ts";
import type { Duckdb } from "./open-duckdb.ts";
import type { SelectionRule } from "./select-options.ts";

/** Counts what was selected and what it was selected from. */
export async function summarise(
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
