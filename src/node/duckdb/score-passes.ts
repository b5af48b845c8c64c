import { rm } from "node:fs/promises";
import { companionKey, prunedPath } from "../../semi/score/score-companions.ts";
import type { ScorePasses } from "../../semi/score/pruned-scores.ts";
import { scoreCounts, type ScoreCounts } from "../../semi/score/score-counts.ts";
import { boundsTable, countedRows, prunedRows, sqlFiles, sqlText } from "../../semi/select/select-sql.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { damageOf, openDuckdb, throughPartialPath, type Duckdb } from "./duckdb.ts";

/** Goes through the rows of score files in DuckDB. */
export const duckdbPasses = (duckdb: Duckdb): ScorePasses => ({
  count: (scores) => countRows(duckdb, sqlFiles([scores])),
  prune: (scores, origin) =>
    throughPartialPath(prunedPath(scores), async (partial) => {
      await duckdb.run(boundsTable(new Map(origin.bounds), "kept_bounds"));
      const said = `KV_METADATA {${sqlText(companionKey)}: ${sqlText(JSON.stringify(origin))}}`;
      await duckdb.run(
        `COPY (${prunedRows(scores, origin.ranking)}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false, ${said})`,
      );
    }),
});

/** Counts rows of scores. @param scores A table in SQL */
export async function countRows(duckdb: Duckdb, scores: string): Promise<ScoreCounts> {
  const counts = scoreCounts();
  for await (const rows of duckdb.stream(countedRows(scores))) {
    for (const [index, kind, bucket, rowCount, lowest] of rows as readonly CountValues[])
      counts.add({ class: index, kind, bucket, rows: rowCount, lowest });
  }
  return counts;
}

type CountValues = readonly [index: number, kind: number, bucket: number, rows: number, lowest: number];

/** Removes pruned scores whose rows cannot be read. @returns whether there were any */
export async function removeDamagedPruned(scores: readonly string[]): Promise<boolean> {
  await using duckdb = await openDuckdb({ memoryLimit: 5e8 });
  let isRemoved = false;
  for (const pruned of scores.map(prunedPath)) {
    if (!(await nodeStorageFor(pruned).stat(pruned)) || !(await damageOf(duckdb, pruned))) continue;
    await rm(pruned, { force: true });
    isRemoved = true;
  }
  return isRemoved;
}
