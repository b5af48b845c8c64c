import type { SchemaElement } from "hyparquet";
import type { ColumnType, ResultColumn, ResultRow, ResultValue } from "./result-row.ts";

/**
 * A Parquet schema for rows. A column whose type is not given has that of its values: text is UTF8, numbers are
 * DOUBLE, Float32Array is a list of FLOAT, lists and objects are nested. All columns are optional, so that a failed
 * image may leave some out.
 */
export function parquetSchemaOf(
  rows: readonly ResultRow[],
  columns: readonly ResultColumn[],
): SchemaElement[] {
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
