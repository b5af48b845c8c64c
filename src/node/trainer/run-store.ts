import type { ModelDescription } from "../../nn/index.ts";
import {
  summaryCsv,
  type DataRecord,
  type EpochEvent,
  type Recipe,
  type RunStore,
  type TrainingState,
} from "../../train/index.ts";
import { inferenceWeights } from "../../weights/index.ts";
import { exportSafetensors } from "../export-model.ts";
import { writeFileAtomic } from "../write-file.ts";
import type { History } from "./history.ts";
import type { RunFolder } from "./run-folder.ts";
import { stateDict, writeTrainingCheckpoint } from "./training-checkpoint.ts";

/** What a store writes into the files besides what it is handed. */
export interface RunStoreParts {
  readonly folder: RunFolder;
  readonly history: History;
  readonly description: ModelDescription;
  readonly recipe: Recipe;
  readonly data: DataRecord;
}

/** A store in a folder: history, summary and checkpoints, each of which is replaced in one go. */
export function runStore({ folder, history, description, recipe, data }: RunStoreParts): RunStore {
  return {
    async append(row) {
      await history.append(row);
      if (row.type === "epoch") await writeSummary(folder, history);
    },
    async saveLast(state, position) {
      // In this order: a checkpoint never counts on rows that are not on disk.
      const historyBytes = await history.sync();
      const record = { recipe, data, position, historyBytes };
      await writeTrainingCheckpoint(folder.last, state, { description, record });
      return folder.last;
    },
    async saveWeights(kind, state, epoch) {
      const path = kind === "best" ? folder.best : folder.epoch(epoch.epoch);
      await writeWeights(path, state, withEpoch(description, epoch));
      return path;
    },
  };
}

/** Replaces the summary by that of the history's epochs. */
export async function writeSummary(folder: RunFolder, { rows }: History): Promise<void> {
  const epochs = rows.filter((row) => row.type === "epoch");
  await writeFileAtomic(folder.summary, [Buffer.from(summaryCsv(epochs))]);
}

async function writeWeights(
  path: string,
  state: TrainingState,
  description: ModelDescription,
): Promise<void> {
  const weights = inferenceWeights(stateDict(state));
  await exportSafetensors({ description, withWeights: (use) => use(weights) }, path);
}

function withEpoch(description: ModelDescription, { epoch, valTop1 }: EpochEvent): ModelDescription {
  const accuracy = valTop1 === undefined ? {} : { validationTop1: valTop1.toFixed(2) };
  return {
    ...description,
    provenance: { ...description.provenance, epoch: `${epoch}`, ...accuracy },
  };
}
