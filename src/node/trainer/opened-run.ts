import type { Recipe } from "../../train/index.ts";
import type { TrainModelOptions } from "./options.ts";
import type { RunFolder } from "./run-folder.ts";
import type { SavedTraining } from "./training-checkpoint.ts";
import type { TrainingData } from "./training-data.ts";

/** A run whose recipe is complete and whose images are found. */
export interface OpenedRun {
  readonly options: TrainModelOptions;
  readonly recipe: Recipe;
  readonly folder: RunFolder;
  readonly data: TrainingData;
  /** The checkpoint to go on from. */
  readonly saved: SavedTraining | undefined;
}
