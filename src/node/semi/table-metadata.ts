import { parquetMetadataAsync, parquetSchema, type FileMetaData } from "hyparquet";
import { DataError, type ByteSource } from "../../core/index.ts";
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
  return await parseTableMetadata(source, columns);
}

/** The same of a file that is open. */
export async function parseTableMetadata<Row>(
  source: ByteSource,
  columns: TableColumns<Row>,
): Promise<FileMetaData> {
  const metadata = await parquetMetadataAsync(asyncBuffer(source)).catch((cause: unknown) => {
    // hyparquet throws plain errors on what is no Parquet file.
    throw notATable(source.name, columns, cause instanceof Error ? cause.message : String(cause), cause);
  });
  const found = parquetSchema(metadata).children.map(({ element: { name, type } }) => `${name} ${type}`);
  const wanted = Object.entries<TableColumnType>(columns).map(([name, type]) => `${name} ${stored[type]}`);
  if (found.toSorted().join() !== wanted.toSorted().join()) {
    throw notATable(source.name, columns, `the columns ${found.join(", ")}`);
  }
  return metadata;
}

/** The error for a file that is not the table it should be. */
export function notATable<Row>(
  path: string,
  columns: TableColumns<Row>,
  received: string,
  cause?: unknown,
): DataError {
  return new DataError(
    "semi/table",
    `${path}: expected a Parquet table of ${Object.keys(columns).join(", ")}, received ${received}. It is damaged, or another program's file: write it again.`,
    { cause },
  );
}

const stored: { readonly [T in TableColumnType]: string } = {
  text: "BYTE_ARRAY",
  int32: "INT32",
  int64: "INT64",
  float32: "FLOAT",
};
