import {
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type ColumnChunk,
  type FileMetaData,
  type RowGroup,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError, type ByteSource } from "../core/index.ts";
import type { ImageItem, ImageSource } from "./image-source.ts";
import { sortNaturally } from "./natural-order.ts";
import { findImageColumns, type ColumnChoice, type ImageColumns } from "./parquet-columns.ts";

/** Settings of a walk through a table. */
export interface ParquetImagesOptions extends ColumnChoice {
  readonly signal?: AbortSignal | undefined;
}

// Rows decoded at a time where the file has page indexes; without them a column chunk is read whole.
const rowsAtOnce = 64;

/**
 * The images of a Parquet table, a row group at a time.
 *
 * Classes are those that Hugging Face's metadata name, or the distinct labels when `scanLabels` is set.
 *
 * @throws DataError when the file is no Parquet table, has no image column, or is damaged
 */
export async function parquetImages(
  source: ByteSource,
  options: ParquetImagesOptions & { readonly scanLabels?: boolean } = {},
): Promise<ImageSource> {
  const metadata = await guard(source.name, () => parquetMetadataAsync(asyncBuffer(source)));
  const columns = await guard(source.name, async () => findImageColumns(source.name, metadata, options));
  const scan = options.scanLabels === true && columns.label !== undefined && columns.classNames === undefined;
  return {
    classes: scan ? await distinctLabels(source, metadata, columns, options.signal) : columns.classNames,
    size: Number(metadata.num_rows),
    [Symbol.asyncIterator]: () => items(source, metadata, columns, options.signal),
  };
}

async function* items(
  source: ByteSource,
  metadata: FileMetaData,
  columns: ImageColumns,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  const wanted = columns.label === undefined ? [columns.image] : [columns.image, columns.label];
  for await (const { row, start } of rows(source, metadata, wanted, signal)) {
    const value: unknown = row[columns.image];
    const struct = value as { bytes?: unknown; path?: unknown } | null;
    const bytes = value instanceof Uint8Array ? value : struct?.bytes;
    if (!(bytes instanceof Uint8Array)) {
      throw new DataError(
        "data/parquet-image",
        `${source.name}, row ${start}: column ${columns.image} holds no image bytes. Tables that keep paths only have to be packed with the bytes embedded.`,
      );
    }
    const path = value === bytes || typeof struct?.path !== "string" ? undefined : struct.path;
    const label = labelName(columns, columns.label === undefined ? undefined : row[columns.label]);
    const item = { id: `${source.name}/${path ?? start}`, content: { bytes: bytes.slice() } };
    yield label === undefined ? item : { ...item, label };
  }
}

async function distinctLabels(
  source: ByteSource,
  metadata: FileMetaData,
  columns: ImageColumns,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const labels = new Set<string>();
  for await (const { row } of rows(source, metadata, [columns.label!], signal)) {
    const label = labelName(columns, row[columns.label!]);
    if (label !== undefined) labels.add(label);
  }
  return sortNaturally(labels);
}

function labelName(columns: ImageColumns, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  // Hugging Face marks rows without a label, as in hidden test sets, with -1.
  return value < 0 ? undefined : (columns.classNames?.[Number(value)] ?? String(value));
}

async function* rows(
  source: ByteSource,
  metadata: FileMetaData,
  columns: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly row: Readonly<Record<string, unknown>>; readonly start: number }> {
  const file = asyncBuffer(source);
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const chunks = group.columns.filter((chunk) =>
      columns.includes(chunk.meta_data?.path_in_schema[0] ?? ""),
    );
    const groupRows = Number(group.num_rows);
    checkRowGroup(source.name, group, chunks);
    const step = chunks.every((chunk) => chunk.offset_index_offset !== undefined) ? rowsAtOnce : groupRows;
    for (let start = groupStart; start < groupStart + groupRows; start += step) {
      signal?.throwIfAborted();
      const rowEnd = Math.min(start + step, groupStart + groupRows);
      const batch = await guard(source.name, () =>
        parquetReadObjects({
          file,
          metadata,
          columns: [...columns],
          rowStart: start,
          rowEnd,
          compressors,
          utf8: false,
          useOffsetIndex: true,
        }),
      );
      if (batch.length !== rowEnd - start) {
        throw new DataError(
          "data/parquet",
          `${source.name}: expected ${rowEnd - start} rows from row ${start}, the pages hold ${batch.length}. The file is damaged.`,
        );
      }
      for (const [i, row] of batch.entries()) yield { row, start: start + i };
    }
    groupStart += groupRows;
  }
}

// hyparquet throws plain errors (and RangeErrors of DataView) on damaged files.
async function guard<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/parquet", `${file}: cannot be read as a Parquet table: ${reason}`, { cause });
  }
}

// A row group has to be in memory; one of more than this would take the machine down.
const maxGroupBytes = 2 * 1024 ** 3;

/**
 * Checks what a row group claims of itself before its columns are read.
 *
 * @throws DataError when it is too large to be held, or its row count is not that of its columns
 */
export function checkRowGroup(file: string, group: RowGroup, columns: readonly ColumnChunk[]): void {
  const bytes = columns.reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0n),
    0,
  );
  if (bytes > maxGroupBytes) {
    throw new DataError(
      "data/parquet-row-group",
      `${file}: a row group of ${bytes} bytes, at most ${maxGroupBytes} are read at once. Write the table again with smaller row groups.`,
    );
  }
  // Neither images nor labels are lists: each row has one value in each column.
  const odd = columns.find(({ meta_data }) => meta_data?.num_values !== group.num_rows);
  if (odd !== undefined) {
    throw new DataError(
      "data/parquet",
      `${file}: a row group claims ${group.num_rows} rows, its column ${odd.meta_data?.path_in_schema.join(".")} has ${odd.meta_data?.num_values} values. The file is damaged.`,
    );
  }
}

/** A ByteSource as hyparquet wants it. */
export function asyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = await source.read(start, end - start);
      const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
      return whole ? bytes.buffer : bytes.slice().buffer;
    },
  };
}
