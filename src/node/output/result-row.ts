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

/** A row as JSON on one line; a Float32Array as an array of the shortest numbers that name the same floats. */
export function jsonText(row: ResultRow): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Float32Array ? Array.from(value, shortestFloat) : value,
  );
}

/**
 * A decimal of six, eight or nine digits, as few as it takes, that names the same 32-bit float: 0.1 instead of
 * 0.10000000149011612. Arithmetic instead of toPrecision: an embedding has thousands of numbers.
 */
export function shortestFloat(value: number): number {
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  for (const digits of [6, 8, 9]) {
    // Up to 10^22 powers of ten are exact, and so the quotient is the double nearest to the decimal.
    const scale = 10 ** (digits - 1 - magnitude);
    const rounded = scale >= 1 && scale <= 1e22 ? Math.round(value * scale) / scale : value;
    if (Math.fround(rounded) === value) return rounded;
  }
  return value;
}
