import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ScoreFacts } from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { readScoreFacts } from "./read-score-facts.ts";
import { sharedClasses } from "./shared-classes.ts";

/** A score file and what it says of itself. */
export interface ScoreFile {
  readonly path: string;
  readonly facts: ScoreFacts;
}

/** Name of the table of hashes among the score files. */
export const referencesName = "references.parquet";

/** The names of the score files in a folder, in the order of the shards. */
export async function scoreFileNames(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => /^\d+-.*\.parquet$/.test(name)).sort();
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/** The score files of a folder in the order of the shards. */
export async function readScores(folder: string): Promise<readonly ScoreFile[]> {
  const files: ScoreFile[] = [];
  const shared = sharedClasses();
  for (const name of await scoreFileNames(folder)) {
    const path = join(folder, name);
    files.push({ path, facts: shared(await readScoreFacts(path)) });
  }
  return files;
}
