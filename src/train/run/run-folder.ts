import { tensor, TrainingError, UsageError, type StateDict } from "../../core/index.ts";
import {
  baseName,
  checkSpace,
  folderBytes,
  readText,
  writeBytes,
  writeText,
  type Storage,
  type StorageFor,
} from "../../core/storage/index.ts";
import { isRunFolder, runFiles } from "../../data/sources/run-folder.ts";
import { decodeDescription, encodeDescription, type ModelDescription } from "../../nn/index.ts";
import { engineFile } from "./run-engine.ts";
import type { ConfidenceFit } from "../../predict/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../weights/index.ts";
import type { CrossValidation, JudgedImage } from "../head/train-head.ts";
import type { Recipe } from "../recipe/fields.ts";
import { recipeText } from "../recipe/resolve-recipe.ts";
import type { EpochEvent, StepEvent } from "../trainer/events.ts";
import type { RunBytes } from "../trainer/plan.ts";
import type { TrainingState } from "../trainer/train-epochs.ts";
import {
  decodeTrainingRecord,
  encodeTrainingRecord,
  type TrainingRecord,
} from "../trainer/training-record.ts";

/** The files of a training run. */
export interface RunFolder {
  readonly storage: Storage;
  readonly path: string;
  /** The last part of its path: what comes out is named for it. */
  readonly name: string;
  readonly recipe: string;
  /** One JSON object a line: steps and epochs. */
  readonly history: string;
  /** timm's table of the epochs. */
  readonly summary: string;
  /** The checkpoint to go on from. */
  readonly last: string;
  /** The best weights, for inference. */
  readonly best: string;
  readonly report: string;
  /** One JSON object a line: what a head made of each labelled image while it had not seen it. */
  readonly crossValidation: string;
  /** How sure the weights are of images that had no part in them. */
  readonly confidence: string;
  /** The weights of one epoch. */
  epoch(number: number): string;
}

export function runFolder(storageFor: StorageFor, path: string): RunFolder {
  const storage = storageFor(path);
  const file = (name: string): string => storage.join(path, name);
  return {
    storage,
    path,
    name: baseName(storage.resolve(path)),
    recipe: file("recipe.yaml"),
    history: file("metrics.jsonl"),
    summary: file("summary.csv"),
    last: file("last.safetensors"),
    best: file("best.safetensors"),
    report: file("report.html"),
    crossValidation: file(crossValidationName),
    confidence: file("confidence.json"),
    epoch: (number) => file(`epoch-${number}.safetensors`),
  };
}

/**
 * Makes sure that a new run does not write over an earlier one. A start that failed before it came to a checkpoint has left nothing
 * that could be lost: its folder is taken again.
 *
 * @throws UsageError `train/out-exists` for a folder that holds something; DataError when it cannot be read.
 */
export async function checkNewFolder(folder: RunFolder): Promise<void> {
  const { storage, path } = folder;
  if (!(await storage.stat(path))) return;
  const names: string[] = [];
  for await (const { name } of storage.list(path)) names.push(name);
  if (names.length === 0 || (await isFailedStart(folder, names))) return;
  const shown = names.sort().slice(0, 3).join(", ");
  throw new UsageError(
    "train/out-exists",
    `${path}: holds ${shown}${names.length > 3 ? ", …" : ""}. Give resume (--resume) to go on with the run in it, or another folder.`,
  );
}

/** Whether a folder holds nothing but what a run writes before its first checkpoint; a recipe of somebody's own is more. */
async function isFailedStart(
  { storage, path, ...folder }: RunFolder,
  names: readonly string[],
): Promise<boolean> {
  const begun = [...[folder.recipe, folder.history, folder.summary].map(baseName), engineFile];
  const isBegun = (name: string): boolean => begun.includes(name) || name.endsWith(".partial");
  return names.every(isBegun) && isRunFolder(storage, path);
}

/**
 * Makes the folder of a run, and writes what has an effect in its recipe there.
 *
 * @throws DataError when it cannot be made or written to.
 */
export async function beginFolder({ storage, path, recipe: file }: RunFolder, recipe: Recipe): Promise<void> {
  await storage.makeFolder(path);
  const comment = [
    `${runFiles["recipe.yaml"]}: all that had an effect. It can be given as --recipe to begin another one.`,
  ];
  await writeText(storage, file, recipeText(recipe, comment));
}

/** @throws DataError `data/disk-full` before anything is written, for what the files that stand lack. */
export async function checkRoom({ storage, path }: RunFolder, { stays, passes }: RunBytes): Promise<void> {
  const standing = await folderBytes(storage, path);
  await checkSpace(storage, path, Math.max(0, stays - standing) + passes, "the run");
}

export type HistoryRow = StepEvent | EpochEvent;

/** The rows of a run on disk, one JSON object a line. */
export interface History {
  readonly rows: readonly HistoryRow[];
  append(row: HistoryRow): Promise<void>;
  /** Flushes to disk. @returns the length of the file in bytes */
  sync(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Opens a history and cuts off what lies behind the first `bytes`: rows that were written after the checkpoint that a
 * run goes on from, and that it will write again.
 *
 * @throws TrainingError `train/history` when it is shorter; DataError when it cannot be written.
 */
export async function openHistory({ storage, history }: RunFolder, bytes: number): Promise<History> {
  const file = await storage.grow(history);
  try {
    if (file.size < bytes) {
      throw new TrainingError(
        "train/history",
        `${history}: has ${file.size} bytes, and the checkpoint was saved when it had ${bytes}. It was changed or is missing: put it back, or begin a new run in another folder.`,
      );
    }
    await file.truncate(bytes);
    const rows = parseRows(new TextDecoder().decode(await file.read(0, bytes)));
    return {
      rows,
      async append(row) {
        await file.append(new TextEncoder().encode(`${JSON.stringify(row)}\n`));
        rows.push(row);
      },
      async sync() {
        await file.sync();
        return file.size;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The rows of a run that is complete; none when it left no history, as one that only fitted a head.
 *
 * @throws DataError when the file cannot be read.
 */
export async function readHistory({ storage, history }: RunFolder): Promise<readonly HistoryRow[]> {
  return (await storage.stat(history)) ? parseRows(await readText(storage, history)) : [];
}

/** One JSON object a line. */
const parseRows = <Row = HistoryRow>(text: string): Row[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);

/** File of a run with what cross-validation made of each labelled image, a line for each. */
export const crossValidationName = "cross-validation.jsonl";

/** A line of that file, with the names of the classes. */
export interface CrossValidatedImage extends Pick<JudgedImage, "probability" | "loss"> {
  readonly image: string;
  readonly class: string;
  readonly predicted: string;
}

/** Writes what cross-validation made of each image. */
export async function writeCrossValidation(
  { storage, crossValidation }: RunFolder,
  { images }: CrossValidation,
  classes: readonly string[],
): Promise<void> {
  const lines = images.map(({ id, target, predicted, probability, loss }): CrossValidatedImage => ({
    image: id,
    class: classes[target]!,
    predicted: classes[predicted]!,
    probability,
    loss,
  }));
  await writeText(storage, crossValidation, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/**
 * Reads what {@link writeCrossValidation} wrote.
 *
 * @throws DataError when the file cannot be read.
 */
export async function readCrossValidation({
  storage,
  crossValidation,
}: RunFolder): Promise<readonly CrossValidatedImage[]> {
  return parseRows<CrossValidatedImage>(await readText(storage, crossValidation));
}

/** Writes how sure the weights of a run are; what no image was counted for becomes null. */
export async function writeConfidence({ storage, confidence }: RunFolder, fit: ConfidenceFit): Promise<void> {
  await writeText(storage, confidence, `${JSON.stringify(fit)}\n`);
}

/**
 * Reads what {@link writeConfidence} wrote; undefined for a run that measured nothing.
 *
 * @throws DataError when the file cannot be read.
 */
export async function readConfidence({ storage, confidence }: RunFolder): Promise<ConfidenceFit | undefined> {
  if (!(await storage.stat(confidence))) return undefined;
  return JSON.parse(await readText(storage, confidence)) as ConfidenceFit;
}

/** What a training goes on from, besides its tensors. */
export interface SavedTraining {
  readonly description: ModelDescription;
  readonly record: TrainingRecord;
}

/** Writes a checkpoint: the weights under their own names, and beside them what training remembers of them. */
export async function writeTrainingCheckpoint(
  { storage, last }: RunFolder,
  state: TrainingState,
  { description, record }: SavedTraining,
): Promise<void> {
  const metadata = { ...encodeDescription(description), ...encodeTrainingRecord(record) };
  await writeBytes(storage, last, encodeSafetensors(stateDict(state), metadata).chunks);
}

/**
 * Reads what the last checkpoint says; undefined when there is none.
 *
 * @throws TrainingError `train/no-checkpoint`; WeightsError; DataError
 */
export async function readTrainingCheckpoint({
  storage,
  last,
}: RunFolder): Promise<SavedTraining | undefined> {
  if (!(await storage.stat(last))) return undefined;
  await using source = await storage.open(last);
  const { metadata } = await openCheckpoint(source);
  const record = decodeTrainingRecord(metadata, last);
  return { record, description: decodeDescription(metadata, last)! };
}

/** Hands all tensors of the last checkpoint to `use`, which reads them meanwhile. */
export async function withTrainingState<T>(
  { storage, last }: RunFolder,
  use: (state: StateDict) => Promise<T>,
): Promise<T> {
  await using source = await storage.open(last);
  // Awaited here: the file has to stay open meanwhile.
  return await use((await openCheckpoint(source, { trainingState: true })).tensors);
}

/** Tensors in memory as a state dict. */
export function stateDict(state: TrainingState): StateDict {
  return new Map([...state].map(([name, { dims, data }]) => [name, tensor("float32", dims, data)]));
}
