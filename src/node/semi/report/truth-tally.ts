import type { RankPrecision, SelectedClass, SelectionRow } from "../../../semi/index.ts";

/** Counts pseudo-labels that are right, of those whose image's class is known. */
export interface TruthTally {
  add(row: SelectionRow, truth: string | undefined): void;
  /** In the order of the classes. */
  readonly classes: readonly NonNullable<SelectedClass["truth"]>[];
  byRank(): readonly RankPrecision[];
}

/** Labels that a stretch of ranks should have: a share of few is mostly chance. */
const labelsOfStretch = 100;
const [fewestStretches, mostStretches] = [4, 20];

/** @param selected Rows of each class. */
export function truthTally(classes: readonly string[], selected: readonly number[]): TruthTally {
  const lastRank = Math.max(...selected);
  const wanted = Math.floor(selected.reduce((sum, rows) => sum + rows, 0) / labelsOfStretch);
  const length = Math.min(lastRank, mostStretches, Math.max(fewestStretches, wanted));
  const counter = (): { known: number; right: number } => ({ known: 0, right: 0 });
  const perClass = classes.map(counter);
  const stretches = Array.from({ length }, counter);
  return {
    classes: perClass,
    add(row, truth) {
      if (truth === undefined) return;
      const stretch = Math.floor(((row.class_rank - 1) * stretches.length) / lastRank);
      for (const counts of [perClass[row.class]!, stretches[stretch]!]) {
        counts.known++;
        if (truth === classes[row.class]) counts.right++;
      }
    },
    byRank: () =>
      stretches.flatMap(({ known, right }, index) =>
        known === 0
          ? []
          : [
              {
                rank: Math.ceil(((index + 1) * lastRank) / stretches.length),
                precision: (100 * right) / known,
              },
            ],
      ),
  };
}
