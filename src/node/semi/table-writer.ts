import type { KeyValue, SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter, type ColumnSource } from "hyparquet-writer";
import type { TableColumns, TableColumnType } from "../../semi/table-column.ts";
import { openAtomicFile } from "../atomic-file.ts";

/** A Parquet file under way, which appears at its path when it is closed. */
export interface TableWriter<Row> {
  /** Takes rows; a row group goes to disk as soon as it is full. */
  write(rows: Iterable<Row>): Promise<void>;
  /** Completes the file; what it says of itself may be known only now. */
  close(metadata?: readonly KeyValue[]): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

// A row group is what is held in memory, here and by those who read the file.
const rowsPerGroup = 100_000;

/**
 * Begins a Parquet file of rows with these columns, none of them optional.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openTableWriter<Row extends object>(
  path: string,
  columns: TableColumns<Row>,
): Promise<TableWriter<Row>> {
  const file = await openAtomicFile(path);
  const names = Object.keys(columns) as (keyof Row & string)[];
  const schema: SchemaElement[] = [
    { name: "root", num_children: names.length },
    ...names.map((name): SchemaElement => ({
      name,
      repetition_type: "REQUIRED",
      ...elements[columns[name]],
    })),
  ];
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({ writer: bytes, schema, createdBy: "ssl-resnext" });
  let rows: Row[] = [];

  const drain = async (): Promise<void> => {
    await file.write(bytes.getBytes().slice());
    bytes.index = 0;
  };
  const writeGroup = async (): Promise<void> => {
    const columnData = names.map((name): ColumnSource => ({ name, data: rows.map((row) => row[name]) }));
    await parquet.write({ columnData, rowGroupSize: rowsPerGroup });
    rows = [];
    await drain();
  };
  return {
    async write(more) {
      for (const row of more) {
        rows.push(row);
        if (rows.length === rowsPerGroup) await writeGroup();
      }
    },
    async close(metadata = []) {
      try {
        if (rows.length > 0) await writeGroup();
        parquet.kvMetadata = [...metadata];
        await parquet.finish();
        await drain();
      } catch (error) {
        await file.abort();
        throw error;
      }
      await file.commit();
    },
    abort: () => file.abort(),
  };
}

const elements: { readonly [T in TableColumnType]: Pick<SchemaElement, "type" | "converted_type"> } = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  int32: { type: "INT32" },
  int64: { type: "INT64" },
  float32: { type: "FLOAT" },
};
