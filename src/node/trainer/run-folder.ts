import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../core/index.ts";
import { recipeText, type Recipe } from "../../train/index.ts";
import { fileError } from "../file-error.ts";
import { isErrno } from "../is-errno.ts";
import { makeFolder } from "../make-folder.ts";
import { writeFileAtomic } from "../write-file.ts";

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
