import type { TrainingPlatform } from "../train/index.ts";
import type { PruneScores, SelectImages } from "./select/selection-options.ts";

/** What the semi-supervised pipeline needs of its platform. */
export interface SemiPlatform extends TrainingPlatform {
  /**
   * Selects the best scored images of each class, of as many as there may be, from files that have a `Storage.path`.
   * Without it all rows are sorted in memory, as few are anyway.
   */
  readonly selectImages?: SelectImages | undefined;
  /** Takes the rows that it will want out of score files, as soon as they are scored; without it, or elsewhere, it does so itself. */
  readonly pruneScores?: PruneScores | undefined;
}
