import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DataError, SessionError } from "../../core/index.ts";
import { damagedTable } from "../../semi/parquet-table.ts";
import { sqlFiles } from "../../semi/select/select-sql.ts";
import { fileError, flush } from "../files/file-system.ts";

/** Limits of DuckDB. */
interface DuckdbOptions {
  /** Bytes that it may take; what does not fit goes to the spill folder. */
  readonly memoryLimit: number;
  /** @default all cores */
  readonly threads?: number | undefined;
  /** Made when needed, and removed in the end with all that is in it. @default none: all has to fit in memory */
  readonly spillFolder?: string | undefined;
  /** Stops the statement under way. */
  readonly signal?: AbortSignal | undefined;
}

/** A DuckDB with a database in memory. */
export interface Duckdb extends AsyncDisposable {
  /**
   * Runs one statement.
   *
   * @throws DataError or SessionError that say what failed; the signal's reason after an abort
   */
  run(sql: string): Promise<void>;
  /** Runs a query whose rows come in parts, as arrays; no other statement may be run meanwhile. */
  stream(sql: string): AsyncIterable<readonly (readonly unknown[])[]>;
  /** Runs a query whose answer is small. */
  rows<Row>(sql: string): Promise<readonly Row[]>;
}

/**
 * Opens DuckDB, which is loaded only now.
 *
 * @throws SessionError `semi/duckdb` when it is not installed or not built for this machine
 */
export async function openDuckdb(options: DuckdbOptions): Promise<Duckdb> {
  const { memoryLimit, threads, spillFolder, signal } = options;
  signal?.throwIfAborted();
  const { DuckDBInstance } = await loadDuckdb();
  const removeSpilled = async (): Promise<void> => {
    if (spillFolder !== undefined) await rm(spillFolder, { recursive: true, force: true });
  };
  // What a run that was killed has left.
  await removeSpilled();
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: `${Math.floor(memoryLimit)}B`,
    temp_directory: spillFolder ?? "",
    ...(threads === undefined ? {} : { threads: `${threads}` }),
  });
  const connection = await instance.connect();

  const attempt = async <T>(statement: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const stop = signal === undefined ? undefined : interruptOnAbort(connection, signal);
    try {
      return await statement();
    } catch (cause) {
      signal?.throwIfAborted();
      throw duckdbError(cause, options);
    } finally {
      stop?.();
    }
  };
  return {
    run: (sql) => attempt(async () => void (await connection.run(sql))),
    async *stream(sql) {
      const parts = (await attempt(() => connection.stream(sql))).yieldRowsJs();
      for (;;) {
        const part = await attempt(() => parts.next());
        if (part.done) return;
        yield part.value;
      }
    },
    rows: <Row>(sql: string) =>
      attempt(async () => (await connection.runAndReadAll(sql)).getRowObjectsJS() as Row[]),
    async [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
      await removeSpilled();
    },
  };
}

async function loadDuckdb(): Promise<typeof import("@duckdb/node-api")> {
  try {
    return await import("@duckdb/node-api");
  } catch (cause) {
    throw new SessionError(
      "semi/duckdb",
      `DuckDB, which selects the images, cannot be loaded on ${process.platform}-${process.arch}: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        "Install this package again with its dependencies, without --no-optional, on a platform that @duckdb/node-api has binaries for.",
      { cause },
    );
  }
}

/** Interrupts until it is stopped: an interrupt that comes before the statement has begun is lost. */
function interruptOnAbort(connection: DuckDBConnection, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    timer ??= setInterval(interrupt, 50);
  };
  signal.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal.removeEventListener("abort", interrupt);
    clearInterval(timer);
  };
}

/** What an error of DuckDB, which is text, means to the caller. */
function duckdbError(cause: unknown, { memoryLimit, spillFolder }: DuckdbOptions): Error {
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
        throw damagedTable(file, cause);
      }
    }
    throw error;
  }
}

/** Whether tables could not be queried, for a reason that is not found in DuckDB's words. */
export const isQueryError = (error: unknown): error is DataError =>
  error instanceof DataError && error.code === "semi/query";

/**
 * Lets another program write a file at a temporary path beside `path`, and puts it there when it is complete; on
 * failure nothing is left behind, and an earlier file stays as it was.
 *
 * @throws DataError when the system refuses, the folder not being there or not to be written to; what `write` throws
 *   passes through
 */
export async function throughPartialPath<T>(
  path: string,
  write: (partial: string) => Promise<T>,
): Promise<T> {
  const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
  try {
    // Shows at once whether the folder can be written to.
    await (await open(partial, "wx")).close();
    const result = await write(partial);
    const file = await open(partial, "r+");
    try {
      await flush(file);
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return result;
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileError(path, cause);
  }
}
