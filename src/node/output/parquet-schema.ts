import type { SchemaElement } from "hyparquet";
import type { ResultColumn, ResultRow, ResultValue } from "./result-row.ts";

/**
 * A Parquet schema for rows: text as UTF8, numbers as DOUBLE, Float32Array as a list of FLOAT, lists and objects
 * nested. All columns are optional, so that a failed image may leave some out.
 */
export function parquetSchemaOf(
  rows: readonly ResultRow[],
  columns: readonly ResultColumn[],
): SchemaElement[] {
  const fields = columns.map((column) =>
    typeof column === "string"
      ? elementsOf(
          column,
          rows.map((row) => row[column]),
        )
      : vector(column.name),
  );
  return [{ name: "root", num_children: columns.length }, ...fields.flat()];
}

function elementsOf(name: string, values: readonly ResultValue[]): SchemaElement[] {
  const present = values.filter((value) => value !== null && value !== undefined);
  const [first] = present;
  if (first instanceof Float32Array) return vector(name);
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
  if (typeof first === "number") return [{ name, type: "DOUBLE", repetition_type: "OPTIONAL" }];
  if (typeof first === "boolean") return [{ name, type: "BOOLEAN", repetition_type: "OPTIONAL" }];
  return [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }];
}

function vector(name: string): SchemaElement[] {
  return list(name, [{ name: "element", type: "FLOAT", repetition_type: "REQUIRED" }]);
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
