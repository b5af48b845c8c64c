import { open, readdir, readFile, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { tensor, TrainingError, UsageError, type StateDict } from "../../core/index.ts";
import { decodeDescription, encodeDescription, type ModelDescription } from "../../nn/index.ts";
import {
  decodeTrainingRecord,
  encodeTrainingRecord,
  recipeText,
  type EpochEvent,
  type Recipe,
  type StepEvent,
  type TrainingRecord,
  type TrainingState,
} from "../../train/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../weights/index.ts";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { openFileSource } from "../files/file-source.ts";
import { fileError, isErrno, makeFolder } from "../files/file-system.ts";

/** The files of a training run. */
export interface RunFolder {
  readonly path: string;
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
  /** The weights of one epoch. */
  epoch(number: number): string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    recipe: join(path, "recipe.yaml"),
    history: join(path, "metrics.jsonl"),
    summary: join(path, "summary.csv"),
    last: join(path, "last.safetensors"),
    best: join(path, "best.safetensors"),
    report: join(path, "report.html"),
    epoch: (number) => join(path, `epoch-${number}.safetensors`),
  };
}

/**
 * Makes sure that a new run does not write over an earlier one.
 *
 * @throws UsageError `train/out-exists` for a folder that holds something; DataError when it cannot be read.
 */
export async function checkNewFolder(path: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return;
    throw fileError(path, cause);
  }
  if (names.length === 0) return;
  throw new UsageError(
    "train/out-exists",
    `${path}: holds ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}. Give resume (--resume) to go on with the run in it, or another folder.`,
  );
}

/**
 * Makes the folder of a run, and writes its recipe there.
 *
 * @throws DataError when it cannot be made or written to.
 */
export async function beginFolder(folder: RunFolder, recipe: Recipe): Promise<void> {
  await makeFolder(folder.path);
  const comment = ["The recipe of this run, complete. It can be given as --recipe to begin another one."];
  await writeFileAtomic(folder.recipe, [Buffer.from(recipeText(recipe, comment))]);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return false;
    throw fileError(path, cause);
  }
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
export async function openHistory(path: string, bytes: number): Promise<History> {
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      throw fileError(path, cause);
    }
  };
  const file = await attempt(() => open(path, "a+"));
  try {
    await attempt(() => cut(file, path, bytes));
    const rows = parseRows(await attempt(() => readFile(path, "utf8")));
    let length = bytes;
    return {
      rows,
      async append(row) {
        const line = Buffer.from(`${JSON.stringify(row)}\n`);
        await attempt(() => file.writeFile(line));
        rows.push(row);
        length += line.byteLength;
      },
      async sync() {
        await attempt(() => file.sync());
        return length;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function cut(file: FileHandle, path: string, bytes: number): Promise<void> {
  const { size } = await file.stat();
  if (size < bytes) {
    throw new TrainingError(
      "train/history",
      `${path}: has ${size} bytes, and the checkpoint was saved when it had ${bytes}. It was changed or is missing: put it back, or begin a new run in another folder.`,
    );
  }
  await file.truncate(bytes);
}

/**
 * The rows of a run that is complete; none when it left no history, as one that only fitted a head.
 *
 * @throws DataError when the file cannot be read.
 */
export async function readHistory(path: string): Promise<readonly HistoryRow[]> {
  try {
    return parseRows(await readFile(path, "utf8"));
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return [];
    throw fileError(path, cause);
  }
}

const parseRows = (text: string): HistoryRow[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as HistoryRow);

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
