import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StageKind } from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { isErrno } from "../is-errno.ts";
import { writeFileAtomic } from "../write-file.ts";

/** Accuracies of the models of a run, all on the same images. */
export interface Results {
  /** Where the images come from. */
  readonly data: string;
  readonly models: readonly Measured[];
}

/** Accuracy of a model of a run, in percent. */
export interface Measured {
  readonly stage: string;
  readonly kind: StageKind;
  readonly top1: number;
  readonly top5: number;
  readonly loss: number;
  readonly images: number;
  /** Counts, row-major: rows are right classes, columns predicted ones. */
  readonly confusion: readonly number[];
}

/** What stands for the stage of a teacher that no stage trains. */
export const givenTeacher = "teacher";

export const resultsName = "results.json";

export async function writeResults(folder: string, results: Results): Promise<void> {
  await writeFileAtomic(join(folder, resultsName), [Buffer.from(`${JSON.stringify(results)}\n`)]);
}

/**
 * The results in a folder; undefined when there was nothing to measure on.
 *
 * @throws DataError when they cannot be read.
 */
export async function readResults(folder: string): Promise<Results | undefined> {
  const path = join(folder, resultsName);
  try {
    return JSON.parse(await readFile(path, "utf8")) as Results;
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw fileError(path, cause);
  }
}
