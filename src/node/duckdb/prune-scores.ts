import { boundsOf } from "../../semi/score/score-counts.ts";
import { checkScoreFiles } from "../../semi/score/score-files.ts";
import { fewRows } from "../../semi/select/select-images.ts";
import type { PruneScores } from "../../semi/select/selection-options.ts";
import { nodeStorageFor, pathOnDisk } from "../files/file-storage.ts";
import { openDuckdb } from "./duckdb.ts";
import { prunedSources } from "./score-rows.ts";

const memoryLimit = 1e9;

/** Prunes score files in DuckDB, unless they are so few that all rows are sorted anyway. */
export const pruneWithDuckdb: PruneScores = async ({ scores, wanted, classes, boundOf, signal }) => {
  const { rows, counts, digests, images } = await checkScoreFiles(nodeStorageFor, scores, classes, signal);
  if (rows < fewRows) return;
  const own = new Set(wanted);
  const bound = boundOf(
    images.reduce((sum, count) => sum + count, 0),
    images.reduce((sum, count, index) => sum + (own.has(scores[index]!) ? count : 0), 0),
  );
  await using duckdb = await openDuckdb({ memoryLimit, signal });
  const files = { paths: scores.map(pathOnDisk), digests, counts };
  // Files that do not say their counts would only raise the bounds.
  const options = { wanted: new Set(wanted.map(pathOnDisk)), signal };
  await prunedSources(duckdb, files, bound, boundsOf(counts, bound), options);
};
