import type { TrainingLoader } from "../../data/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import type { DataRecord } from "../../train/index.ts";
import type { ModelSource } from "../open-model.ts";
import type { History } from "./history.ts";
import type { OpenedRun } from "./opened-run.ts";

/** A run over epochs that stands ready for its next step. */
export interface ReadyRun extends OpenedRun {
  readonly loader: TrainingLoader;
  /** The network with the weights that the run begins with. */
  readonly source: ModelSource;
  /** What comes out. */
  readonly description: ModelDescription;
  readonly record: DataRecord;
  readonly history: History;
}
