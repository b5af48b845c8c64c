import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type ColumnChunk,
  type FileMetaData,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError, type ByteSource } from "../core/index.ts";
import type { ImageItem, ImageSource } from "./image-source.ts";
import { sortNaturally } from "./natural-order.ts";

/** Settings of a walk through a table. */
export interface ParquetImagesOptions extends ColumnChoice {
  /** Whether labels are read, where no column is named for them. @default true */
  readonly readLabels?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

// Rows decoded at a time where the file has page indexes; without them a column chunk is read whole.
const rowsAtOnce = 64;

/**
 * The images of a Parquet table, a row group at a time. A row without an image, or without a label that can be one, is listed
 * all the same, and says so. Rows with the same path have their number in their names, all but the first.
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
  const paths = new Set<string>();
  for await (const { row, start } of rows(source, metadata, wanted, signal)) {
    const value: unknown = row[columns.image];
    const struct = value as { bytes?: unknown; path?: unknown } | null;
    const bytes = value instanceof Uint8Array ? value : struct?.bytes;
    const path = value === bytes || typeof struct?.path !== "string" ? undefined : struct.path;
    const isFirst = path !== undefined && paths.size < paths.add(path).size;
    const name = path === undefined ? start : isFirst ? path : `${start}/${path}`;
    const content =
      bytes instanceof Uint8Array
        ? { bytes: bytes.slice() }
        : {
            missing: `row ${start}: column ${columns.image} holds no image bytes. Tables that keep paths only have to be packed with the bytes embedded.`,
          };
    const label =
      columns.label === undefined ? {} : labelOf(columns, columns.label, row[columns.label], start);
    yield { id: `${source.name}/${name}`, content, ...label };
  }
}

async function distinctLabels(
  source: ByteSource,
  metadata: FileMetaData,
  columns: ImageColumns,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const labels = new Set<string>();
  for await (const { row, start } of rows(source, metadata, [columns.label!], signal)) {
    const { label } = labelOf(columns, columns.label!, row[columns.label!], start);
    if (label !== undefined) labels.add(label);
  }
  return sortNaturally(labels);
}

/** Numbers with a fraction of zero are indices too: pandas makes them of a column with gaps. */
function labelOf(
  columns: ImageColumns,
  column: string,
  value: unknown,
  row: number,
): Pick<ImageItem, "label" | "labelProblem"> {
  if (typeof value === "string") return { label: value };
  const isIndex = typeof value === "bigint" || Number.isSafeInteger(value);
  // Hugging Face marks rows without a label, as in hidden test sets, with -1.
  if (isIndex && Number(value) >= 0) {
    return { label: columns.classNames?.[Number(value)] ?? String(Number(value)) };
  }
  const found = typeof value === "number" && !Number.isNaN(value) ? `${value}` : "none";
  return {
    labelProblem: `row ${row}: expected a class name or index in column ${column}, there is ${found}.`,
  };
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

/**
 * A whole table of texts and numbers as texts, the names of its columns first.
 *
 * @throws DataError when the file is no Parquet table, or is damaged
 */
export async function tableCells(source: ByteSource): Promise<readonly (readonly string[])[]> {
  const metadata = await guard(source.name, () => parquetMetadataAsync(asyncBuffer(source)));
  const columns = parquetSchema(metadata)
    .children.filter(isLabelColumn)
    .map(({ element }) => element.name);
  const cells: (readonly string[])[] = [columns];
  for await (const { row } of rows(source, metadata, columns, undefined)) {
    cells.push(columns.map((name) => cellText(row[name])));
  }
  return cells;
}

const cellText = (value: unknown): string =>
  typeof value === "string" ||
  typeof value === "bigint" ||
  (typeof value === "number" && !Number.isNaN(value))
    ? String(value)
    : "";

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

/** Which columns of a table hold the images and their labels. */
interface ImageColumns {
  readonly image: string;
  readonly label: string | undefined;
  /** Names of integer labels, from the metadata that Hugging Face's `datasets` writes. */
  readonly classNames: readonly string[] | undefined;
}

/** Columns asked for by name. */
interface ColumnChoice {
  readonly imageColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
}

const imageNames = ["image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes"];
const labelNames = ["label", "labels", "cls", "class", "fine_label", "target"];
const imageKinds = '(binary, or a struct with binary "bytes")';

/**
 * Finds the image column, a `{bytes, path}` struct or plain binary, and the label column beside it.
 *
 * @throws DataError when no column fits or several do
 */
function findImageColumns(file: string, metadata: FileMetaData, choice: ParquetImagesOptions): ImageColumns {
  const columns = parquetSchema(metadata).children;
  const image = findImage(file, columns, choice.imageColumn);
  const isRead = choice.readLabels !== false || choice.labelColumn !== undefined;
  const label = isRead ? findLabel(file, columns, choice.labelColumn) : undefined;
  return { image, label, classNames: label === undefined ? undefined : classNames(metadata, label) };
}

function findImage(file: string, columns: readonly SchemaTree[], asked: string | undefined): string {
  const fits = columns.filter(isImageColumn).map((column) => column.element.name);
  if (asked !== undefined) {
    if (fits.includes(asked)) return asked;
    throw noColumn(file, columns, "imageColumn", `an image column "${asked}" ${imageKinds}`);
  }
  const name = fits.length === 1 ? fits[0] : imageNames.find((known) => fits.includes(known));
  if (name === undefined) {
    // The column names that semi takes are those of a table of labels.
    const instead = ', or, for semi, call it "image" in the table';
    throw noColumn(file, columns, "imageColumn", `one image column ${imageKinds}`, instead);
  }
  return name;
}

function findLabel(
  file: string,
  columns: readonly SchemaTree[],
  asked: string | undefined,
): string | undefined {
  const fits = columns.filter(isLabelColumn).map((column) => column.element.name);
  if (asked === undefined) return labelNames.find((known) => fits.includes(known));
  if (fits.includes(asked)) return asked;
  throw noColumn(file, columns, "labelColumn", `a label column "${asked}" (numbers or text)`);
}

function isImageColumn({ element, children }: SchemaTree): boolean {
  if (children.length > 0) {
    return children.some((child) => child.element.name === "bytes" && child.element.type === "BYTE_ARRAY");
  }
  return (
    element.type === "BYTE_ARRAY" &&
    element.converted_type === undefined &&
    element.logical_type === undefined
  );
}

function isLabelColumn({ element, children }: SchemaTree): boolean {
  if (children.length > 0 || element.repetition_type === "REPEATED") return false;
  const isText = element.converted_type === "UTF8" || element.logical_type?.type === "STRING";
  const isNumber = ["INT32", "INT64", "FLOAT", "DOUBLE"].includes(element.type ?? "");
  return isNumber || (element.type === "BYTE_ARRAY" && isText);
}

function classNames(metadata: FileMetaData, label: string): readonly string[] | undefined {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  if (text === undefined) return undefined;
  const names = property(property(property(property(parseJson(text), "info"), "features"), label), "names");
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

// The metadata are a hint from another program: when they cannot be read, labels stay numbers.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const flags: { readonly [K in keyof ColumnChoice]-?: string } = {
  imageColumn: "--image-column",
  labelColumn: "--label-column",
};

function noColumn(
  file: string,
  columns: readonly SchemaTree[],
  option: keyof ColumnChoice,
  wanted: string,
  instead = "",
): DataError {
  const found = columns.map(({ element, children }) =>
    children.length > 0
      ? `${element.name} {${children.map((child) => child.element.name).join(", ")}}`
      : `${element.name} (${element.type ?? "?"})`,
  );
  return new DataError(
    "data/parquet-columns",
    `${file}: expected ${wanted}, the table has ${found.join(", ")}. Name the column to use with ${option} (${flags[option]})${instead}.`,
  );
}
