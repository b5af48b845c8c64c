import { DataError } from "../../core/index.ts";
import { sqlFiles } from "../../semi/select/index.ts";
import type { Duckdb } from "./open-duckdb.ts";

/**
 * Does work on Parquet files. DuckDB does not always say which one it could not read: when the work fails they are
 * read one by one to find out.
 *
 * @throws DataError `semi/table`, naming the file, when one is damaged; what `work` throws otherwise
 */
export async function namingDamagedFile<T>(
  duckdb: Duckdb,
  files: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isQueryError(error)) throw error;
    for (const file of files) {
      try {
        await duckdb.run(`SELECT max(COLUMNS(*)) FROM ${sqlFiles([file])}`);
      } catch (cause) {
        if (!isQueryError(cause)) throw cause;
        throw new DataError(
          "semi/table",
          `${file}: the file is damaged, or was changed meanwhile: ${cause.message} Write it again.`,
          { cause },
        );
      }
    }
    throw error;
  }
}

const isQueryError = (error: unknown): error is DataError =>
  error instanceof DataError && error.code === "semi/query";
