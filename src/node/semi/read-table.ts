import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError } from "../../core/index.ts";
import { asyncBuffer } from "../../data/parquet/async-buffer.ts";
import { checkRowGroup } from "../../data/parquet/row-group.ts";
import type { TableColumns } from "../../semi/table-column.ts";
import { openFileSource } from "../file-source.ts";
import { notATable, parseTableMetadata } from "./table-metadata.ts";

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
  const file = asyncBuffer(source);
  const metadata = await parseTableMetadata(source, columns);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    signal?.throwIfAborted();
    checkRowGroup(path, group, group.columns);
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: readonly Row[];
    try {
      rows = (await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors })) as Row[];
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw notATable(path, columns, cause instanceof Error ? cause.message : String(cause), cause);
    }
    yield* rows;
    rowStart = rowEnd;
  }
}
