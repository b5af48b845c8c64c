import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter, type ColumnSource } from "hyparquet-writer";
import { DataError } from "../../core/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import {
  columnName,
  type ColumnType,
  type ResultColumn,
  type ResultRow,
  type ResultValue,
  type RowEncoder,
} from "./text-encoders.ts";

// A row group closes at whichever comes first; it is what is held in memory.
const rowsPerGroup = 10_000;
const valuesPerGroup = 250_000;

/**
 * Parquet, a row group at a time, with the given columns or those of the first group. A column whose type is not
 * given has that of its values in the first group, and is text when it has none there.
 *
 * @throws DataError when a later row has another column or a value of another type
 */
export function parquetEncoder(sink: ByteSink, columns: readonly ResultColumn[] | undefined): RowEncoder {
  const bytes = new ByteWriter();
  let parquet: ParquetWriter | undefined;
  let names: ReadonlySet<string> = new Set();
  let rows: ResultRow[] = [];
  let values = 0;

  const drain = async (): Promise<void> => {
    await sink.write(bytes.getBytes().slice());
    bytes.index = 0;
  };
  const begin = (): ParquetWriter => {
    const all = columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const schema = parquetSchemaOf(rows, all);
    names = new Set(all.map(columnName));
    return new ParquetWriter({ writer: bytes, schema, createdBy: "ssl-resnext" });
  };
  const writeGroup = async (): Promise<void> => {
    parquet ??= begin();
    const unknown = rows.flatMap((row) => Object.keys(row)).find((name) => !names.has(name));
    if (unknown !== undefined)
      throw misfit(`a row has the column "${unknown}", the file has ${[...names].join(", ")}`);
    const columnData = Array.from(names, (name) => columnOf(name, rows));
    try {
      await parquet.write({ columnData, rowGroupSize: rowsPerGroup });
    } catch (cause) {
      throw misfit(cause instanceof Error ? cause.message : String(cause), cause);
    }
    rows = [];
    values = 0;
    await drain();
  };

  return {
    async write(row) {
      rows.push(row);
      values += Object.values(row).reduce<number>((sum, value) => sum + size(value), 0);
      if (rows.length >= rowsPerGroup || values >= valuesPerGroup) await writeGroup();
    },
    async end() {
      if (rows.length > 0) await writeGroup();
      parquet ??= begin();
      await parquet.finish();
      await drain();
    },
  };
}

function columnOf(name: string, rows: readonly ResultRow[]): ColumnSource {
  // The writer takes lists as arrays only.
  const data = rows.map((row) => {
    const value = row[name];
    return value instanceof Float32Array ? Array.from(value) : value;
  });
  // The bits of floats neither repeat nor compress.
  const isVector = rows.some((row) => row[name] instanceof Float32Array);
  return isVector
    ? { name, data, encoding: "PLAIN", codec: "UNCOMPRESSED", statistics: false }
    : { name, data };
}

function size(value: ResultValue): number {
  if (typeof value === "string") return 1 + value.length / 8;
  return value instanceof Float32Array || Array.isArray(value) ? value.length : 1;
}

function misfit(reason: string, cause?: unknown): DataError {
  return new DataError(
    "data/columns",
    `a row does not fit the columns and types of the file: ${reason}. Name all columns, with their types, when the output is opened.`,
    { cause },
  );
}

/**
 * A Parquet schema for rows. A column whose type is not given has that of its values: text is UTF8, numbers are
 * DOUBLE, Float32Array is a list of FLOAT, lists and objects are nested. All columns are optional, so that a failed
 * image may leave some out.
 */
function parquetSchemaOf(rows: readonly ResultRow[], columns: readonly ResultColumn[]): SchemaElement[] {
  const fields = columns.flatMap((column) => {
    if (typeof column !== "string") return typed[typeOf(column)](column.name);
    return elementsOf(
      column,
      rows.map((row) => row[column]),
    );
  });
  return [{ name: "root", num_children: columns.length }, ...fields];
}

const typeOf = (column: Exclude<ResultColumn, string>): ColumnType =>
  "type" in column ? column.type : "float32[]";

const typed: { readonly [T in ColumnType]: (name: string) => SchemaElement[] } = {
  text: (name) => [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }],
  int32: (name) => [{ name, type: "INT32", repetition_type: "OPTIONAL" }],
  float64: (name) => [{ name, type: "DOUBLE", repetition_type: "OPTIONAL" }],
  "int32[]": (name) => list(name, [{ name: "element", type: "INT32", repetition_type: "REQUIRED" }]),
  "float32[]": (name) => list(name, [{ name: "element", type: "FLOAT", repetition_type: "REQUIRED" }]),
};

function elementsOf(name: string, values: readonly ResultValue[]): SchemaElement[] {
  const present = values.filter((value) => value !== null && value !== undefined);
  const [first] = present;
  if (first instanceof Float32Array) return typed["float32[]"](name);
  if (isList(first)) return list(name, elementsOf("element", present.filter(isList).flat()));
  if (typeof first === "object") {
    const objects = present as readonly ResultRow[];
    const keys = [...new Set(objects.flatMap((value) => Object.keys(value)))];
    const children = keys.flatMap((key) =>
      elementsOf(
        key,
        objects.map((value) => value[key]),
      ),
    );
    return [{ name, repetition_type: "OPTIONAL", num_children: keys.length }, ...children];
  }
  if (typeof first === "number") return typed.float64(name);
  if (typeof first === "boolean") return [{ name, type: "BOOLEAN", repetition_type: "OPTIONAL" }];
  return typed.text(name);
}

function list(name: string, element: readonly SchemaElement[]): SchemaElement[] {
  return [
    { name, repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    ...element,
  ];
}

function isList(value: ResultValue): value is readonly ResultValue[] {
  return Array.isArray(value);
}
