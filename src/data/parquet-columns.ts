import { parquetSchema, type FileMetaData, type SchemaTree } from "hyparquet";
import { DataError } from "../core/index.ts";

/** Which columns of a table hold the images and their labels. */
export interface ImageColumns {
  readonly image: string;
  readonly label: string | undefined;
  /** Names of integer labels, from the metadata that Hugging Face's `datasets` writes. */
  readonly classNames: readonly string[] | undefined;
}

/** Columns asked for by name. */
export interface ColumnChoice {
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
export function findImageColumns(file: string, metadata: FileMetaData, choice: ColumnChoice): ImageColumns {
  const columns = parquetSchema(metadata).children;
  const image = findImage(file, columns, choice.imageColumn);
  const label = findLabel(file, columns, choice.labelColumn);
  return { image, label, classNames: label === undefined ? undefined : classNames(metadata, label) };
}

function findImage(file: string, columns: readonly SchemaTree[], asked: string | undefined): string {
  const fits = columns.filter(isImageColumn).map((column) => column.element.name);
  if (asked !== undefined) {
    if (fits.includes(asked)) return asked;
    throw noColumn(file, columns, "imageColumn", `an image column "${asked}" ${imageKinds}`);
  }
  const name = fits.length === 1 ? fits[0] : imageNames.find((known) => fits.includes(known));
  if (name === undefined) throw noColumn(file, columns, "imageColumn", `one image column ${imageKinds}`);
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
  throw noColumn(file, columns, "labelColumn", `a label column "${asked}" (integer or text)`);
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
  return element.type === "INT32" || element.type === "INT64" || (element.type === "BYTE_ARRAY" && isText);
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
): DataError {
  const found = columns.map(({ element, children }) =>
    children.length > 0
      ? `${element.name} {${children.map((child) => child.element.name).join(", ")}}`
      : `${element.name} (${element.type ?? "?"})`,
  );
  return new DataError(
    "data/parquet-columns",
    `${file}: expected ${wanted}, the table has ${found.join(", ")}. Name the column to use with ${option} (${flags[option]}).`,
  );
}
