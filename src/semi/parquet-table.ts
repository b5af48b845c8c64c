import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type FileMetaData,
  type KeyValue,
  type SchemaElement,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { ByteWriter, ParquetWriter, type ColumnSource } from "hyparquet-writer";
import { DataError, hexOf, type ByteSource } from "../core/index.ts";
import type { Storage } from "../core/storage/index.ts";
import { asyncBuffer, checkRowGroup } from "../data/parquet-images.ts";
import type { TableColumns, TableColumnType } from "./tables.ts";

/**
 * The rows of a Parquet file with these columns, in its order; one row group is in memory at a time.
 *
 * @throws DataError `semi/table` when it is no such file or is damaged; as `Storage.open` does
 */
export async function* readTable<Row>(
  storage: Storage,
  path: string,
  columns: TableColumns<Row>,
  signal?: AbortSignal,
): AsyncGenerator<Row, void, undefined> {
  await using source = await storage.open(path);
  const metadata = await tableMetadata(source, columns);
  const options = { file: asyncBuffer(source), metadata, compressors, parsers: { stringFromBytes } };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    signal?.throwIfAborted();
    checkRowGroup(source.name, group, group.columns);
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: readonly Row[];
    try {
      rows = (await parquetReadObjects({ ...options, rowStart, rowEnd })) as Row[];
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw damagedTable(source.name, cause);
    }
    yield* rows;
    rowStart = rowEnd;
  }
}

/**
 * The metadata of a Parquet file with these columns.
 *
 * @throws DataError `semi/table` when it is no such file; as `Storage.open` does when it cannot be opened
 */
export async function readTableMetadata<Row>(
  storage: Storage,
  path: string,
  columns: TableColumns<Row>,
): Promise<FileMetaData> {
  await using source = await storage.open(path);
  return await tableMetadata(source, columns);
}

// What a score file of 10,000 images and 1,000 classes says of itself is 190 kB.
const initialFetchSize = 2 ** 18;

/** The same of a file that is open. */
async function tableMetadata<Row>(source: ByteSource, columns: TableColumns<Row>): Promise<FileMetaData> {
  const metadata = await parquetMetadataAsync(asyncBuffer(source), { initialFetchSize }).catch(
    (cause: unknown) => {
      // hyparquet throws plain errors on what is no Parquet file.
      throw notATable(source.name, columns, reasonOf(cause), cause);
    },
  );
  const found = parquetSchema(metadata).children.map(({ element: { name, type } }) => `${name} ${type}`);
  const wanted = Object.entries<TableColumnType>(columns).map(([name, type]) => `${name} ${stored[type]}`);
  if (found.toSorted().join() !== wanted.toSorted().join()) {
    throw notATable(source.name, columns, `the columns ${found.join(", ")}`);
  }
  return metadata;
}

// hyparquet's own takes what is no UTF-8, and drops a byte order mark.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const stringFromBytes = (bytes: Uint8Array | undefined): string | undefined => bytes && decoder.decode(bytes);

/** The error for a table whose rows cannot be read. */
export function damagedTable(name: string, cause: unknown): DataError {
  const reason = reasonOf(cause).replace(/[.\s]*$/, ".");
  return new DataError(
    "semi/table",
    `${name}: the file is damaged, or was changed meanwhile: ${reason} Write it again.`,
    { cause },
  );
}

/** The error for a file that is not the table it should be. */
function notATable<Row>(
  name: string,
  columns: TableColumns<Row>,
  received: string,
  cause?: unknown,
): DataError {
  return new DataError(
    "semi/table",
    `${name}: expected a Parquet table of ${Object.keys(columns).join(", ")}, received ${received}. It is damaged, or another program's file: write it again.`,
    { cause },
  );
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const stored: { readonly [T in TableColumnType]: string } = {
  text: "BYTE_ARRAY",
  int32: "INT32",
  int64: "INT64",
  float32: "FLOAT",
};

/** What tables say that they were written by. */
export const tableWriterName = "ssl-resnext";

/** A Parquet file under way, which appears when it is closed. */
export interface TableWriter<Row> {
  /** Takes rows; a row group is written as soon as it is full. */
  write(rows: Iterable<Row>): Promise<void>;
  /** A digest of all rows, after the last one; undefined where nothing makes one, as in pages that come over plain HTTP. */
  digest(): Promise<string | undefined>;
  /** Completes the file; what it says of itself may be known only now. */
  close(metadata?: readonly KeyValue[]): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

// A row group is what is held in memory, here and by those who read the file.
const rowsPerGroup = 100_000;

/**
 * Begins a Parquet file of rows with these columns, none of them optional. The same rows give the same bytes.
 *
 * @param isDigested Whether a digest will be asked for.
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openTableWriter<Row extends object>(
  storage: Storage,
  path: string,
  columns: TableColumns<Row>,
  isDigested = false,
): Promise<TableWriter<Row>> {
  const file = await storage.create(path);
  const names = Object.keys(columns) as (keyof Row & string)[];
  const schema: SchemaElement[] = [
    { name: "root", num_children: names.length },
    ...names.map((name): SchemaElement => ({
      name,
      repetition_type: "REQUIRED",
      ...elements[columns[name]],
    })),
  ];
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({ writer: bytes, schema, createdBy: tableWriterName });
  let rows: Row[] = [];
  let digest = isDigested && hasHashes() ? new Uint8Array(32) : undefined;

  const drain = async (): Promise<void> => {
    const written = bytes.getBytes().slice();
    bytes.index = 0;
    digest &&= await chained(digest, written);
    await file.write(written);
  };
  const writeGroup = async (): Promise<void> => {
    const columnData = names.map((name): ColumnSource => ({ name, data: rows.map((row) => row[name]) }));
    await parquet.write({ columnData, rowGroupSize: rowsPerGroup });
    rows = [];
    await drain();
  };
  const flush = async (): Promise<void> => {
    if (rows.length > 0) await writeGroup();
  };
  const orAbort = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await file.abort();
      throw error;
    }
  };
  return {
    async write(more) {
      for (const row of more) {
        rows.push(row);
        if (rows.length === rowsPerGroup) await writeGroup();
      }
    },
    async digest() {
      await orAbort(flush);
      return digest && hexOf(digest);
    },
    async close(metadata = []) {
      await orAbort(async () => {
        await flush();
        parquet.kvMetadata = [...metadata];
        await parquet.finish();
        await drain();
      });
      await file.commit();
    },
    abort: () => file.abort(),
  };
}

/** Whether there are hashes: browsers have none for pages that come over plain HTTP. */
const hasHashes = (): boolean => (globalThis.crypto as Crypto | undefined)?.subtle !== undefined;

/** The hash of a hash and the bytes that come next. */
async function chained(digest: Uint8Array, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const both = new Uint8Array(digest.length + bytes.length);
  both.set(digest);
  both.set(bytes, digest.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", both));
}

const elements: { readonly [T in TableColumnType]: Pick<SchemaElement, "type" | "converted_type"> } = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  int32: { type: "INT32" },
  int64: { type: "INT64" },
  float32: { type: "FLOAT" },
};
