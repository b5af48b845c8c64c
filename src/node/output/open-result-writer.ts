import type { Writable } from "node:stream";
import { fileSink, streamSink, type ByteSink } from "./byte-sink.ts";
import { parquetEncoder } from "./parquet-encoder.ts";
import {
  csvEncoder,
  jsonEncoder,
  jsonlEncoder,
  type ResultColumn,
  type ResultRow,
  type RowEncoder,
} from "./text-encoders.ts";

/** Format of an output. */
export type ResultFormat = "jsonl" | "json" | "csv" | "parquet";

const encoders = {
  jsonl: jsonlEncoder,
  json: jsonEncoder,
  csv: csvEncoder,
  parquet: parquetEncoder,
} satisfies Record<
  ResultFormat,
  (sink: ByteSink, columns: readonly ResultColumn[] | undefined) => RowEncoder
>;

/** Where results go and how they are written. */
export interface ResultWriterOptions {
  readonly format: ResultFormat;
  /** A file, written under a temporary name and renamed when closed. @default `stream` */
  readonly path?: string | undefined;
  /** @default process.stdout */
  readonly stream?: Writable;
  /**
   * Columns of CSV and Parquet, in order. Without types, Parquet takes them from the first row group, and fails at
   * values that come later and do not fit.
   *
   * @default those of the first row (CSV) or row group (Parquet)
   */
  readonly columns?: readonly ResultColumn[] | undefined;
}

/** Takes results one by one. */
export interface ResultWriter {
  /** Whether the reader of the stream has gone: further rows are dropped, and the run may as well end. */
  readonly readerGone: boolean;
  /**
   * Resolves when the next row may come: a slow reader slows the run down instead of filling memory.
   *
   * @throws DataError when the output cannot be written or the row does not fit the columns
   */
  write(row: ResultRow): Promise<void>;
  /** Completes the output; a file appears now. */
  close(): Promise<void>;
  /** Gives the output up; nothing is left of a file. */
  abort(): Promise<void>;
}

/**
 * Opens an output for results.
 *
 * @throws DataError when the file cannot be created
 */
export async function openResultWriter(options: ResultWriterOptions): Promise<ResultWriter> {
  const { path, stream, format, columns } = options;
  const sink = path === undefined ? streamSink(stream ?? process.stdout) : await fileSink(path);
  const encoder = encoders[format](sink, columns);
  return {
    get readerGone() {
      return sink.readerGone;
    },
    write: (row) => encoder.write(row),
    async close() {
      try {
        await encoder.end();
      } catch (error) {
        await sink.abort();
        throw error;
      }
      await sink.close();
    },
    abort: () => sink.abort(),
  };
}
