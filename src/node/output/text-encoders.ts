import { stringify } from "csv-stringify/sync";
import { DataError } from "../../core/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import { jsonText, shortestFloat } from "./json-text.ts";
import type { ResultRow, ResultValue } from "./result-row.ts";

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
 * CSV (RFC 4180, with "\n") under the columns of the first row or of `columns`.
 *
 * A Float32Array under "embedding" spreads over columns e0, e1, ...; lists and objects are written as JSON.
 *
 * @throws DataError when a row has a column that the header lacks, or an array of another length
 */
export function csvEncoder(sink: ByteSink, columns: readonly string[] | undefined): RowEncoder {
  let header: ReadonlySet<string> | undefined;
  const start = async (names: Iterable<string>): Promise<ReadonlySet<string>> => {
    header = new Set(names);
    await sink.write(stringify([[...header]]));
    return header;
  };
  return {
    async write(row) {
      const cells = csvCells(row);
      const names = header ?? (await start(columns ?? cells.keys()));
      const unknown = [...cells.keys()].filter((name) => !names.has(name));
      if (unknown.length > 0) throw unknownColumns(unknown.slice(0, 5), [...names].slice(0, 12));
      const line = Array.from(names, (name) => cells.get(name) ?? "");
      await sink.write(stringify([line], { cast: { boolean: String } }));
    },
    async end() {
      if (header === undefined && columns !== undefined) await start(columns);
    },
  };
}

function csvCells(row: ResultRow): ReadonlyMap<string, string | number | boolean> {
  const cells = new Map<string, string | number | boolean>();
  for (const [name, value] of Object.entries(row)) {
    if (value instanceof Float32Array) {
      const prefix = name === "embedding" ? "e" : `${name}_`;
      for (const [i, number] of value.entries()) cells.set(`${prefix}${i}`, shortestFloat(number));
    } else {
      cells.set(name, csvCell(value));
    }
  }
  return cells;
}

function csvCell(value: ResultValue): string | number | boolean {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? jsonText({ value }).slice('{"value":'.length, -1) : value;
}

function unknownColumns(unknown: readonly string[], header: readonly string[]): DataError {
  return new DataError(
    "data/columns",
    `expected the columns ${header.join(", ")} of the header, a row has ${unknown.join(", ")} too. Name all columns when the output is opened.`,
  );
}
