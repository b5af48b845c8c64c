import { open, readFile, type FileHandle } from "node:fs/promises";
import { TrainingError } from "../../core/index.ts";
import type { EpochEvent, StepEvent } from "../../train/index.ts";
import { fileError } from "../file-error.ts";
import { isErrno } from "../is-errno.ts";

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
