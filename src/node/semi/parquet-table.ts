import type { FileMetaData } from "hyparquet";
import { tableMetadata, tableRows, tableWriter, type TableWriter } from "../../semi/parquet-table.ts";
import type { TableColumns } from "../../semi/tables.ts";
import { openAtomicFile } from "../files/atomic-file.ts";
import { openFileSource } from "../files/file-source.ts";

/**
 * The rows of a Parquet file with these columns, in its order; one row group is in memory at a time.
 *
 * @throws DataError `semi/table` when it is no such file or is damaged; as `openFileSource` does
 */
export async function* readTable<Row>(
  path: string,
  columns: TableColumns<Row>,
  signal?: AbortSignal,
): AsyncGenerator<Row, void, undefined> {
  await using source = await openFileSource(path);
  yield* tableRows(source, columns, signal);
}

/**
 * The metadata of a Parquet file with these columns.
 *
 * @throws DataError `semi/table` when it is no such file; as `openFileSource` does when it cannot be opened
 */
export async function readTableMetadata<Row>(
  path: string,
  columns: TableColumns<Row>,
): Promise<FileMetaData> {
  await using source = await openFileSource(path);
  return await tableMetadata(source, columns);
}

/**
 * Begins a Parquet file of rows with these columns, none of them optional.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openTableWriter<Row extends object>(
  path: string,
  columns: TableColumns<Row>,
): Promise<TableWriter<Row>> {
  return tableWriter(await openAtomicFile(path), columns);
}
