/** A value of a result: what JSON holds, and numbers in typed arrays. */
export type ResultValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | Float32Array
  | readonly ResultValue[]
  | { readonly [key: string]: ResultValue };

/** One line of results; the keys are the columns. */
export type ResultRow = Readonly<Record<string, ResultValue>>;

/** What a column holds: text, or numbers and lists of numbers named as the dtypes are. */
export type ColumnType = "text" | "int32" | "float64" | "int32[]" | "float32[]";

/**
 * A column: by its key alone, its type being that of the first rows that have it; with its type; or with the
 * length of its vectors of float32.
 */
export type ResultColumn =
  | string
  | { readonly name: string; readonly type: ColumnType }
  | { readonly name: string; readonly length: number };

/** The key of a column. */
export function columnName(column: ResultColumn): string {
  return typeof column === "string" ? column : column.name;
}
