import { resolve } from "node:path";
import { sqlFiles } from "../../semi/select/index.ts";
import { selectionColumns, type SelectionRow } from "../../semi/selection-table.ts";
import { namingDamagedFile } from "./name-damaged-file.ts";
import { openDuckdb } from "./open-duckdb.ts";
import { readTable } from "./read-table.ts";
import { readTableMetadata } from "./table-metadata.ts";

/**
 * The rows of a selection by shard, position and class, with bounded memory.
 *
 * @throws DataError when it is no selection, or is damaged
 */
export const readSelection = (path: string, signal?: AbortSignal): AsyncGenerator<SelectionRow> =>
  readTable(path, selectionColumns, signal);

/**
 * The rows at given ranks of their class, by class and rank. A class that ends before a rank has no row there.
 *
 * @param ranks from 1
 * @throws DataError when it is no selection, or is damaged; SessionError when DuckDB cannot be loaded
 */
export async function rowsAtRanks(
  path: string,
  ranks: readonly number[],
  signal?: AbortSignal,
): Promise<readonly SelectionRow[]> {
  if (ranks.length === 0) return [];
  await readTableMetadata(path, selectionColumns);
  await using duckdb = await openDuckdb({ memoryLimit: 256e6, signal });
  const file = resolve(path);
  const columns = Object.keys(selectionColumns).join(", ");
  return await namingDamagedFile(duckdb, [file], () =>
    duckdb.rows<SelectionRow>(
      `SELECT ${columns} FROM ${sqlFiles([file])}
      WHERE class_rank IN (${ranks.join(", ")}) ORDER BY class, class_rank`,
    ),
  );
}
