import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../core/index.ts";
import { manifestSchema, type Manifest, type SelectionSummary, type StageKind } from "../../semi/index.ts";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { fileError, isErrno, makeFolder } from "../files/file-system.ts";

const manifestName = "manifest.json";

/**
 * The manifest in the folder of a stage, if there is one.
 *
 * @throws DataError `semi/manifest` when it is none that this version reads.
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, manifestName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw fileError(path, cause);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DataError(
      "semi/manifest",
      `${path}: expected the manifest of a stage; it is damaged, or of another version. Delete ${folder} to compute it anew.`,
      { cause },
    );
  }
}

/** Replaces the manifest in one go; makes the folder first where it is missing. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await makeFolder(folder);
  await writeFileAtomic(join(folder, manifestName), [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
}

/** Removes what a process that was killed had not written to its end. */
export async function removePartials(folder: string): Promise<void> {
  try {
    const names = await readdir(folder);
    for (const name of names) if (name.endsWith(".partial")) await rm(join(folder, name));
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw fileError(folder, cause);
  }
}

/** Removes everything that a stage left. */
export async function clearFolder(folder: string): Promise<void> {
  try {
    // The manifest first: what remains after a kill must not count as complete.
    await rm(join(folder, manifestName), { force: true });
    await rm(folder, { recursive: true, force: true });
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

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

/**
 * What the selection in a folder took and left.
 *
 * @throws DataError when it cannot be read.
 */
export async function readSummary(folder: string): Promise<SelectionSummary> {
  const path = join(folder, summaryName);
  try {
    return JSON.parse(await readFile(path, "utf8")) as SelectionSummary;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** File beside a selection that says what was taken and what was left. */
export const summaryName = "summary.json";
