import { rankOf } from "./topk.ts";

/** Shares in percent, as papers and timm's tables print them. */
export interface Accuracy {
  /** Images counted. */
  readonly count: number;
  /** Percent of images whose best class is right; NaN when none was counted. */
  readonly top1: number;
  /** Percent of images whose right class is among the five best; NaN when none was counted. */
  readonly top5: number;
}

/** Counts hits among the best one and the best five classes. */
export interface AccuracyMeter {
  /** Counts one image by the place of its right class: 0 for the best. */
  add(rank: number): void;
  result(): Accuracy;
}

/** A meter at zero. */
export function accuracyMeter(): AccuracyMeter {
  let count = 0;
  let hits1 = 0;
  let hits5 = 0;
  return {
    add(rank) {
      count++;
      if (rank < 1) hits1++;
      if (rank < 5) hits5++;
    },
    result: () => ({ count, top1: (100 * hits1) / count, top5: (100 * hits5) / count }),
  };
}

/** Place of the best-placed of several right classes: what ImageNet-ReaL counts. */
export function bestRankOf(scores: ArrayLike<number>, targets: readonly number[]): number {
  return Math.min(...targets.map((target) => rankOf(scores, target)));
}
