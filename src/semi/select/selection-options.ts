import { DataError, UsageError } from "../../core/index.ts";
import type { ScoredRows } from "../score/score-counts.ts";
import { defaultK, type Bound, type Ranking, type SelectionSummary } from "./selection.ts";

/** What to select of images that were scored, wherever their scores are. */
export interface SelectionOptions {
  /** Class names in the order of the class indices. */
  readonly classes: readonly string[];
  /** Images that were scored, of which the default of `k` depends. */
  readonly images: number;
  /** Images of each class; a total of k · classes when unbalanced. @default 16 of 100 images that a class has on average */
  readonly k?: number | null | undefined;
  /** @default "balanced" */
  readonly ranking?: Ranking | undefined;
  /** Score that an image has to reach; for the ranking `threshold` only. @default 0.95 */
  readonly threshold?: number | undefined;
  /**
   * Bits of its hash, of 64, in which an image may differ from one of the references and still be taken for its
   * duplicate, which is removed before ranking; null removes none. @default null
   */
  readonly duplicateDistance?: number | null | undefined;
  /**
   * Whether unlabelled images that look alike, by the same distance, all count, as in the paper. Else, in the ranking of a class,
   * only the best of them does.
   *
   * @default false
   */
  readonly keepDuplicates?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What to select, from which files, and with what means. */
export interface SelectImagesOptions extends SelectionOptions {
  /** Score files; a row's shard is an index into them. */
  readonly scores: readonly string[];
  /** Table of hashes that the unlabelled images are compared with. */
  readonly references?: string | undefined;
  /** File that the selection is written to. */
  readonly out: string;
  /** Bytes that selecting may add to the process; the rest goes to the disk. @default 1e9 */
  readonly memoryLimit?: number | undefined;
  /** @default all cores */
  readonly threads?: number | undefined;
  /** Folder for what does not fit in memory. @default that of `out` */
  readonly temporaryFolder?: string | undefined;
}

/** A selection whose options and files are found to be what they should be. */
export interface CheckedSelection extends SelectImagesOptions {
  readonly rule: SelectionRule<string>;
  readonly memoryLimit: number;
  /** What the score files say of their rows. */
  readonly scored: ScoredRows;
  /** Rows of the table of hashes; 0 when nothing is compared. */
  readonly referenceRows: number;
}

/**
 * A way of selecting images of score files for each class, which are written as a table of `SelectionRow`, complete or
 * not at all.
 *
 * The result depends on the scores only: ties are broken by the name of the image (by its bytes in UTF-8), then by
 * shard and position, and rows without a finite score are left out. Implementations pass one suite,
 * `test/contract/selection.ts`.
 */
export type SelectImages = (selection: CheckedSelection) => Promise<SelectionSummary>;

/** Which score files are pruned, and by what. */
interface PruneScoresOptions {
  /** All score files that there are so far. */
  readonly scores: readonly string[];
  /** Those of them that are pruned. */
  readonly wanted: readonly string[];
  /** Class names in the order of the class indices. */
  readonly classes: readonly string[];
  /** What will be selected, of how many images the files hold that there are, and those that are pruned. */
  readonly boundOf: (images: number, wanted: number) => Bound;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Leaves the rows of score files that a selection may take where it finds them: those that reach bounds over the score files that there
 * are, which more files only raise.
 *
 * @throws DataError for files that are damaged, or of several teachers or other classes
 */
export type PruneScores = (options: PruneScoresOptions) => Promise<void>;

/** The options that decide which rows are taken, complete and checked. */
export interface SelectionRule<References> {
  readonly ranking: Ranking;
  /** null with a threshold. */
  readonly k: number | null;
  readonly bound: Bound;
  readonly duplicates: { readonly references: References; readonly distance: number } | null;
  /** Bits in which the hashes of images that count once differ at most; null where all count. */
  readonly copyDistance: number | null;
}

/** Options and the references, in the form that a way of selecting takes them. */
type WithReferences<References> = SelectionOptions & { readonly references?: References | undefined };

/** @throws UsageError `semi/k`, `semi/threshold` or `semi/duplicate-distance` */
export function selectionRule<References>(options: WithReferences<References>): SelectionRule<References> {
  const { ranking = "balanced", classes, images, threshold = 0.95 } = options;
  const duplicates = duplicateRule(options);
  const copyDistance = options.keepDuplicates ? null : (duplicates?.distance ?? null);
  if (ranking === "threshold") {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new UsageError(
        "semi/threshold",
        `threshold: expected a score from 0 to 1, received ${threshold}.`,
      );
    }
    // Scores are stored in float32, so that is what "reaches 0.95" means.
    return { ranking, k: null, bound: { ranking, score: Math.fround(threshold) }, duplicates, copyDistance };
  }
  const k = options.k ?? defaultK(images, classes.length);
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new UsageError(
      "semi/k",
      `k: expected a whole number of images of each class, at least 1, received ${k}.`,
    );
  }
  const rows = ranking === "balanced" ? k : k * classes.length;
  return { ranking, k, bound: { ranking, rows }, duplicates, copyDistance };
}

// More bits than a quarter and any two images are alike.
const largestDistance = 16;

function duplicateRule<References>({
  references,
  duplicateDistance: distance = null,
}: WithReferences<References>): SelectionRule<References>["duplicates"] {
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

/** Pairs of hashes that agree in a band of their bits, and so have to be compared, if their bits are random. */
export const comparedPairs = (images: number, references: number, distance: number): number =>
  (images * references * (distance + 1)) / 2 ** (64 / (distance + 1));

/** The error for a score file with a class that there is not. */
export const unknownClass = (file: string, classes: readonly string[], received: unknown): DataError =>
  new DataError(
    "semi/scores",
    `${file}: expected classes from 0 to ${classes.length - 1}, received ${String(received)}. The file is damaged: score the shard again.`,
  );
