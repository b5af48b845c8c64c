import { stringify } from "csv-stringify/sync";
import { DataError } from "../../core/index.ts";
import type { ByteSink } from "./byte-sink.ts";

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
function jsonText(row: ResultRow): string {
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

/** Turns rows into bytes of a format. */
export interface RowEncoder {
  write(row: ResultRow): Promise<void>;
  /** Writes what belongs after the last row. */
  end(): Promise<void>;
}

/** JSON Lines: one object a line. */
export function jsonlEncoder(sink: ByteSink): RowEncoder {
  return {
    write: (row) => sink.write(`${jsonText(row)}\n`),
    end: () => Promise.resolve(),
  };
}

/** One JSON array of objects. */
export function jsonEncoder(sink: ByteSink): RowEncoder {
  let first = true;
  return {
    write(row) {
      const opening = first ? "[\n" : ",\n";
      first = false;
      return sink.write(opening + jsonText(row));
    },
    end: () => sink.write(first ? "[]\n" : "\n]\n"),
  };
}

/**
 * CSV (RFC 4180, with "\n") under `columns` or the columns of the first row.
 *
 * A Float32Array spreads over columns: "embedding" over e0, e1, ..., any other name over name_0, name_1, ...;
 * other lists and objects are written as JSON.
 *
 * @throws DataError when a row has a column that the header lacks, or a vector of another length
 */
export function csvEncoder(sink: ByteSink, columns: readonly ResultColumn[] | undefined): RowEncoder {
  // Number of cells by key; undefined for what is one cell.
  let widths: ReadonlyMap<string, number | undefined> | undefined;
  const start = async (given: readonly ResultColumn[]): Promise<ReadonlyMap<string, number | undefined>> => {
    widths = layoutOf(given);
    await sink.write(stringify([[...widths].flatMap(([name, width]) => headings(name, width))]));
    return widths;
  };
  return {
    async write(row) {
      const layout = widths ?? (await start(columns ?? columnsOf(row)));
      const unknown = Object.keys(row).filter((name) => !layout.has(name));
      if (unknown.length > 0) {
        throw misfit(`the columns are ${[...layout.keys()].join(", ")}, a row has ${unknown.join(", ")} too`);
      }
      const cells = Array.from(layout, ([name, width]) => cellsOf(name, row[name], width));
      await sink.write(`${cells.join(",")}\n`);
    },
    async end() {
      if (widths === undefined && columns !== undefined) await start(columns);
    },
  };
}

function columnsOf(row: ResultRow): readonly ResultColumn[] {
  return Object.entries(row).map(([name, value]) =>
    value instanceof Float32Array ? { name, length: value.length } : name,
  );
}

function layoutOf(columns: readonly ResultColumn[]): ReadonlyMap<string, number | undefined> {
  return new Map(
    columns.map((column) => [
      columnName(column),
      typeof column === "object" && "length" in column ? column.length : undefined,
    ]),
  );
}

function headings(name: string, width: number | undefined): readonly string[] {
  const prefix = name === "embedding" ? "e" : `${name}_`;
  return width === undefined ? [name] : Array.from({ length: width }, (_, i) => `${prefix}${i}`);
}

function cellsOf(name: string, value: ResultValue, width: number | undefined): string {
  if (width === undefined && !(value instanceof Float32Array)) return cell(value);
  if (value === null || value === undefined) return ",".repeat((width ?? 1) - 1);
  if (!(value instanceof Float32Array) || value.length !== width) {
    const found = value instanceof Float32Array ? `a vector of ${value.length}` : typeof value;
    throw misfit(
      `${name} is ${width === undefined ? "one cell" : `a vector of ${width}`}, a row has ${found}`,
    );
  }
  return Array.from(value, shortestFloat).join(",");
}

function cell(value: ResultValue): string {
  if (value === null || value === undefined) return "";
  // Neither needs quotes.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : jsonText({ value }).slice('{"value":'.length, -1);
  return stringify([[text]], { eof: false });
}

function misfit(reason: string): DataError {
  return new DataError("data/columns", `${reason}. Name all columns when the output is opened.`);
}
