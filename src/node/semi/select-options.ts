import { UsageError } from "../../core/index.ts";
import { defaultK } from "../../semi/default-k.ts";
import type { Bound } from "../../semi/select/index.ts";
import type { Ranking } from "../../semi/selection-summary.ts";

/** What to select, from what, and with what means. */
export interface SelectImagesOptions {
  /** Score files; a row's shard is an index into them. */
  readonly scores: readonly string[];
  /** Class names in the order of the class indices. */
  readonly classes: readonly string[];
  /** Images that were scored, of which the default of `k` depends. */
  readonly images: number;
  /** Table of hashes that the unlabelled images are compared with. */
  readonly references?: string | undefined;
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
  /** File that the selection is written to. */
  readonly out: string;
  /** Bytes that selecting may add to the process; the rest goes to the disk. @default 1e9 */
  readonly memoryLimit?: number | undefined;
  /** @default all cores */
  readonly threads?: number | undefined;
  /** Folder for what does not fit in memory. @default that of `out` */
  readonly temporaryFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The options that decide which rows are taken, complete and checked. */
export interface SelectionRule {
  readonly ranking: Ranking;
  readonly k: number | null;
  readonly bound: Bound;
  readonly duplicates: { readonly references: string; readonly distance: number } | null;
}

// More bits than a quarter and any two images are alike.
const largestDistance = 16;

/** @throws UsageError `semi/k`, `semi/threshold` or `semi/duplicate-distance` */
export function selectionRule(options: SelectImagesOptions): SelectionRule {
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
