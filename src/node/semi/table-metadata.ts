import { parquetMetadataAsync, parquetSchema, type FileMetaData } from "hyparquet";
import { DataError } from "../../core/index.ts";
import { asyncBuffer } from "../../data/parquet/async-buffer.ts";
import type { TableColumns, TableColumnType } from "../../semi/table-column.ts";
import { openFileSource } from "../file-source.ts";

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
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(asyncBuffer(source));
  } catch (cause) {
    // hyparquet throws plain errors on what is no Parquet file.
    if (cause instanceof DataError) throw cause;
    throw notATable(path, cause instanceof Error ? cause.message : String(cause), columns, cause);
  }
  const found = parquetSchema(metadata).children.map(({ element: { name, type } }) => `${name} ${type}`);
  const wanted = Object.entries<TableColumnType>(columns).map(([name, type]) => `${name} ${stored[type]}`);
  if (found.toSorted().join() !== wanted.toSorted().join()) {
    throw notATable(path, `the columns ${found.join(", ")}`, columns);
  }
  return metadata;
}

const stored: { readonly [T in TableColumnType]: string } = {
  text: "BYTE_ARRAY",
  int32: "INT32",
  int64: "INT64",
  float32: "FLOAT",
};

function notATable<Row>(
  path: string,
  received: string,
  columns: TableColumns<Row>,
  cause?: unknown,
): DataError {
  return new DataError(
    "semi/table",
    `${path}: expected a Parquet table of ${Object.keys(columns).join(", ")}, received ${received}. It is damaged, or another program's file: write it again.`,
    { cause },
  );
}
