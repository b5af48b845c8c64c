import type { ColumnChunk, RowGroup } from "hyparquet";
import { DataError } from "../../core/index.ts";

// A row group has to be in memory; one of more than this would take the machine down.
const maxGroupBytes = 2 * 1024 ** 3;

/**
 * Checks what a row group claims of itself before its columns are read.
 *
 * @throws DataError when it is too large to be held, or its row count is not that of its columns
 */
export function checkRowGroup(file: string, group: RowGroup, columns: readonly ColumnChunk[]): void {
  const bytes = columns.reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0n),
    0,
  );
  if (bytes > maxGroupBytes) {
    throw new DataError(
      "data/parquet-row-group",
      `${file}: a row group of ${bytes} bytes, at most ${maxGroupBytes} are read at once. Write the table again with smaller row groups.`,
    );
  }
  // Neither images nor labels are lists: each row has one value in each column.
  const odd = columns.find(({ meta_data }) => meta_data?.num_values !== group.num_rows);
  if (odd !== undefined) {
    throw new DataError(
      "data/parquet",
      `${file}: a row group claims ${group.num_rows} rows, its column ${odd.meta_data?.path_in_schema.join(".")} has ${odd.meta_data?.num_values} values. The file is damaged.`,
    );
  }
}
