import type { Ranking } from "../selection-summary.ts";
import { sqlFiles } from "./literals.ts";

/** The view `scores`: all rows of all score files, with the index of their file. */
export const scoresView = (files: readonly string[]): string => `
  CREATE TEMP VIEW scores AS
  SELECT file_index::INTEGER AS shard, position, image_id, class, score, rank, phash
  FROM ${sqlFiles(files)}`;

/** The view `candidates`: the rows of `scores` that may be ranked, those without a finite score among them. */
export function candidatesView(ranking: Ranking, withoutDuplicates: boolean): string {
  return `
  CREATE TEMP VIEW candidates AS
  SELECT shard, position, image_id, class, score, rank
  FROM scores${withoutDuplicates ? " ANTI JOIN duplicates USING (shard, position)" : ""}
  ${ranking === "balanced" ? "" : "WHERE rank = 1"}`;
}
