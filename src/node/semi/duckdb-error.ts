import { DataError, SessionError } from "../../core/index.ts";
import type { DuckdbOptions } from "./open-duckdb.ts";

/** What an error of DuckDB, which is text, means to the caller. */
export function duckdbError(cause: unknown, { memoryLimit, spillFolder }: DuckdbOptions): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  // Advice for people at DuckDB's own prompt follows on further lines.
  const reason = message.split("\n", 1)[0]!.replace(/[.\s]*$/, ".");
  if (/no space left on device|max_temp_directory_size/i.test(message)) {
    const spill = spillFolder === undefined ? "" : `, or name another temporary folder than ${spillFolder}`;
    return new DataError(
      "data/disk-full",
      `the disk is full: ${reason} Free some space, write elsewhere${spill}.`,
      { cause },
    );
  }
  if (/^out of memory/i.test(message)) {
    const limit = Math.round(memoryLimit / 1e6);
    return new SessionError(
      "semi/memory",
      `the query needs more than the ${limit} MB that DuckDB may take: ${reason} Raise memoryLimit, or use fewer threads.`,
      { cause },
    );
  }
  return new DataError("semi/query", `the tables cannot be queried: ${reason}`, { cause });
}
