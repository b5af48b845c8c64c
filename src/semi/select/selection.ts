import type { Storage } from "../../core/storage/index.ts";
import { readTable } from "../parquet-table.ts";
import { selectionColumns, type ReferenceRow, type SelectionRow } from "../tables.ts";

/**
 * How images are ranked.
 *
 * - `balanced`: for each class, the K best of the images that kept it among their P classes (the paper's way)
 * - `unbalanced`: each image at its best class only, the K · classes best of all
 * - `threshold`: each image at its best class only, all that reach a score (ordinary pseudo-labelling)
 */
export type Ranking = "balanced" | "unbalanced" | "threshold";

/** Which scores may be ranked high enough. */
export type Bound =
  | { readonly ranking: "balanced" | "unbalanced"; readonly rows: number }
  | { readonly ranking: "threshold"; readonly score: number };

/** What a selection took, and what it left. */
export interface SelectionSummary {
  readonly ranking: Ranking;
  /** Images wanted of each class, or the mean of it when unbalanced; null with a threshold. */
  readonly k: number | null;
  readonly rows: number;
  /** Distinct images among the rows. */
  readonly images: number;
  /** Rows that could not be ranked because their score is NaN or infinite. */
  readonly notFinite: number;
  /** In the order of the class indices. */
  readonly classes: readonly ClassSelection[];
  /** Names of the classes that had fewer than K images that count; only a balanced selection has such. */
  readonly short: readonly string[];
  /** Names of the classes that got no image, whatever the ranking. */
  readonly empty: readonly string[];
  /** null when near-duplicates were not looked for. */
  readonly duplicates: DuplicateSummary | null;
  /** null when images that look alike all count. */
  readonly copies: CopySummary | null;
}

/** Unlabelled images that look like a better one of their class, and so were passed over. */
export interface CopySummary {
  /** Rows that were passed over: each ranks above the last one that was taken. */
  readonly rows: number;
  /** Rows that were taken and stand for others too. */
  readonly groups: number;
  /** Most rows that one stands for. */
  readonly largest: number;
}

/** One class of a selection. */
export interface ClassSelection {
  readonly name: string;
  /** Rows that could have been selected: those of an image's best class only, unless the ranking is balanced. */
  readonly candidates: number;
  readonly selected: number;
  /** Of the selected rows; null when there are none. */
  readonly highest: number | null;
  readonly lowest: number | null;
  /** Images whose best class this is, by their score, in equal bins from 0 to 1. */
  readonly bestScores: readonly number[];
}

/** What a summary says of all classes: which fell short of K, and which got nothing. */
export const shortfalls = (
  { ranking, k }: Pick<SelectionSummary, "ranking" | "k">,
  classes: readonly ClassSelection[],
): Pick<SelectionSummary, "short" | "empty"> => {
  const namesOf = (those: (one: ClassSelection) => boolean): readonly string[] =>
    classes.filter(those).map(({ name }) => name);
  return {
    short: ranking === "balanced" ? namesOf(({ selected }) => selected < k!) : [],
    empty: namesOf(({ selected }) => selected === 0),
  };
};

/** Bins of the histogram of best scores. */
export const scoreBins = 20;

/** Classes of which nothing has been counted yet. */
export const uncountedClasses = (
  names: readonly string[],
): { -readonly [K in keyof ClassSelection]: K extends "bestScores" ? number[] : ClassSelection[K] }[] =>
  names.map((name) => ({
    name,
    candidates: 0,
    selected: 0,
    highest: null,
    lowest: null,
    bestScores: Array.from({ length: scoreBins }, () => 0),
  }));

/** Unlabelled images that look like an image they must not meet. */
export interface DuplicateSummary {
  /** Images removed. */
  readonly images: number;
  /** How many of them look like an image of each set; one image may look like images of several. */
  readonly sets: Readonly<Record<ReferenceRow["set"], number>>;
  /** Test images with the hash of a labelled one, which are measured with all the same. */
  readonly labelledTests: number;
  /** The nearest pairs first, each image with the nearest one of a set. */
  readonly examples: readonly DuplicatePair[];
}

/** Pairs that a summary shows. */
export const shownDuplicates = 20;

export interface DuplicatePair {
  readonly image_id: string;
  readonly reference_id: string;
  readonly set: ReferenceRow["set"];
  /** Bits in which their perceptual hashes differ, of 64. */
  readonly distance: number;
}

/**
 * Images to select for each class when nothing else is asked: the paper's 16,000 for 100 million images and 1,000
 * classes, in proportion to the images that there are for a class. Method `joint` takes 1,000, unless that is more than a
 * quarter of all images: most of them may show something else.
 */
export function defaultK(images: number, classes: number, isJoint = false): number {
  const k = isJoint
    ? Math.min(1000, Math.floor(images / 4 / classes))
    : Math.round((0.16 * images) / classes);
  return Math.max(1, k);
}

/**
 * The rows of a selection by shard, position and class, with bounded memory.
 *
 * @throws DataError when it is no selection, or is damaged
 */
export const readSelection = (
  storage: Storage,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<SelectionRow> => readTable(storage, path, selectionColumns, signal);

/**
 * The rows at given ranks of their class, by class and rank. A class that ends before a rank has no row there.
 *
 * @param ranks from 1
 * @throws DataError when it is no selection, or is damaged
 */
export async function rowsAtRanks(
  storage: Storage,
  path: string,
  ranks: readonly number[],
  signal?: AbortSignal,
): Promise<readonly SelectionRow[]> {
  const wanted = new Set(ranks);
  const rows: SelectionRow[] = [];
  for await (const row of readSelection(storage, path, signal))
    if (wanted.has(row.class_rank)) rows.push(row);
  return rows.sort((a, b) => a.class - b.class || a.class_rank - b.class_rank);
}
