import { tensor, type StateDict } from "../../core/index.ts";
import { decodeDescription, encodeDescription, type ModelDescription } from "../../nn/index.ts";
import {
  decodeTrainingRecord,
  encodeTrainingRecord,
  type TrainingRecord,
  type TrainingState,
} from "../../train/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../weights/index.ts";
import { openFileSource } from "../file-source.ts";
import { writeFileAtomic } from "../write-file.ts";

/** What a training goes on from, besides its tensors. */
export interface SavedTraining {
  readonly description: ModelDescription;
  readonly record: TrainingRecord;
}

/** Writes a checkpoint: the weights under their own names, and beside them what training remembers of them. */
export async function writeTrainingCheckpoint(
  path: string,
  state: TrainingState,
  { description, record }: SavedTraining,
): Promise<void> {
  const metadata = { ...encodeDescription(description), ...encodeTrainingRecord(record) };
  await writeFileAtomic(path, encodeSafetensors(stateDict(state), metadata).chunks);
}

/** Reads what a checkpoint says. @throws TrainingError `train/no-checkpoint`; WeightsError; DataError */
export async function readTrainingCheckpoint(path: string): Promise<SavedTraining> {
  await using source = await openFileSource(path);
  const { metadata } = await openCheckpoint(source);
  const record = decodeTrainingRecord(metadata, path);
  return { record, description: decodeDescription(metadata, path)! };
}

/** Hands all tensors of a checkpoint to `use`, which reads them meanwhile. */
export async function withTrainingState<T>(path: string, use: (state: StateDict) => Promise<T>): Promise<T> {
  await using source = await openFileSource(path);
  // Awaited here: the file has to stay open meanwhile.
  return await use((await openCheckpoint(source, { trainingState: true })).tensors);
}

/** Tensors in memory as a state dict. */
export function stateDict(state: TrainingState): StateDict {
  return new Map([...state].map(([name, { dims, data }]) => [name, tensor("float32", dims, data)]));
}
