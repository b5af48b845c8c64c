import { rm } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { SessionError } from "../../core/index.ts";
import { duckdbError } from "./duckdb-error.ts";

/** Limits of DuckDB. */
export interface DuckdbOptions {
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
