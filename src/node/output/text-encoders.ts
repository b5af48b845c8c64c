import type { ByteSink } from "./byte-sink.ts";
import { jsonText } from "./json-text.ts";
import type { ResultRow } from "./result-row.ts";

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
