import { DataError } from "../../core/index.ts";
import type { Duckdb } from "./open-duckdb.ts";

/** @throws DataError `semi/scores` when a score is of a class that there is not; names the file. */
export async function checkScoredClasses(
  duckdb: Duckdb,
  classes: readonly string[],
  files: readonly string[],
): Promise<void> {
  const odd = `class IS NULL OR class NOT BETWEEN 0 AND ${classes.length - 1}`;
  const [found] = await duckdb.rows<{ readonly class: number | null }>(
    `SELECT class FROM histogram WHERE ${odd} LIMIT 1`,
  );
  if (found === undefined) return;
  const rows = await duckdb.rows<{ readonly shard: number }>(
    `SELECT shard FROM scores WHERE ${odd} ORDER BY shard LIMIT 1`,
  );
  throw new DataError(
    "semi/scores",
    `${rows.map(({ shard }) => files[shard]).join()}: expected classes from 0 to ${classes.length - 1}, received ${found.class}. The file is damaged: score the shard again.`,
  );
}
