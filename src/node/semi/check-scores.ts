import { basename } from "node:path";
import { DataError } from "../../core/index.ts";
import type { Manifest } from "../../semi/index.ts";
import type { ScoreFile } from "./score-files.ts";

/**
 * Checks that the score files are those that the stage wrote.
 *
 * @throws DataError `semi/other-teacher` or `semi/other-shard`
 */
export function checkScores(files: readonly ScoreFile[], { inputs }: Pick<Manifest, "inputs">): void {
  const remedy = "Delete the file, and run again: what is missing is scored anew.";
  for (const { path, facts } of files) {
    const { teacher, shard } = facts;
    if (teacher.sha256 !== inputs["teacher"]) {
      throw new DataError(
        "semi/other-teacher",
        `${path}: expected scores of the teacher ${inputs["teacher"]?.slice(0, 8)} of this run, received those of ${teacher.name} (${teacher.sha256.slice(0, 8)}). ${remedy}`,
      );
    }
    if (shard.sha256 !== inputs[basename(path)]) {
      throw new DataError(
        "semi/other-shard",
        `${path}: expected scores of a shard of this run, received those of ${shard.path} as it was then. ${remedy}`,
      );
    }
  }
}
