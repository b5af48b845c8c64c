import { DataError, decodeText } from "../../core/index.ts";
import { baseName, readBytes, type StorageFor } from "../../core/storage/index.ts";

/** A row of a table of labels. */
export interface LabelRow {
  /** What it calls the image. */
  readonly image: string;
  readonly label: string;
  /** Where it stands, from 1, as editors count lines and rows. */
  readonly row: number;
}

/** Which columns hold what. */
export interface LabelColumns {
  /** @default `image`, `filename`, `id` and the like; the first of two columns without names */
  readonly imageColumn?: string | undefined;
  /** @default `label`, `class` and the like; else the other one of two */
  readonly labelColumn?: string | undefined;
}

/**
 * The rows of a table of labels: Parquet, or text with commas, semicolons, tabs or bars between the columns, or with spaces before
 * the last one, as in ImageNet's lists `NAME INDEX`. Text may have a first line with the names of the columns.
 *
 * @throws DataError `data/labels-table` when columns are not found, or a row has no image
 */
export async function readLabels(
  storageFor: StorageFor,
  path: string,
  columns: LabelColumns,
): Promise<readonly LabelRow[]> {
  const isParquet = /\.(?:parquet|pq)$/i.test(baseName(path));
  const table = isParquet
    ? await parquetCells(storageFor, path)
    : await textCells(path, decodeText(await readBytes(storageFor(path), path)));
  const [first = [], ...rest] = table;
  const isHeader = isParquet || hasNames(first, columns);
  const { image, label } = isHeader ? namedColumns(path, first, columns) : plainColumns(path, first, columns);
  const rows = isHeader ? rest : table;
  return rows.map((cells, index) => {
    const row = index + (isHeader && !isParquet ? 2 : 1);
    const name = cells[image]?.trim() ?? "";
    if (name === "") throw invalid(path, `row ${row} names no image`);
    return { image: name, label: asIndex(cells[label]?.trim() ?? ""), row };
  });
}

type Cells = readonly string[];

/** pandas writes a column of integers with gaps as 1.0 and 2.0. */
const asIndex = (text: string): string => text.replace(/^(\d+)\.0+$/, "$1");

async function textCells(path: string, text: string): Promise<readonly Cells[]> {
  const firstLine = /^.*$/m.exec(text)![0];
  const separator = [",", "\t", ";", "|"].find((one) => firstLine.includes(one));
  if (separator === undefined) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
    return lines.map((line) => /^\s*(.*\S)\s+(\S+)\s*$/.exec(line)?.slice(1) ?? [line.trim()]);
  }
  const { default: papaparse } = await import("papaparse");
  const { data, errors } = papaparse.parse<string[]>(text, {
    delimiter: separator,
    skipEmptyLines: "greedy",
  });
  const [error] = errors;
  if (error) throw invalid(path, `row ${(error.row ?? 0) + 1}: ${error.message}`);
  return data;
}

async function parquetCells(storageFor: StorageFor, path: string): Promise<readonly Cells[]> {
  const { tableCells } = await import("../parquet-images.ts");
  await using file = await storageFor(path).open(path);
  return await tableCells(file);
}

const imageNames = ["image", "img", "filename", "file", "filepath", "path", "id", "name", "picture", "photo"];
const labelNames = [
  "label",
  "labels",
  "class",
  "classname",
  "category",
  "target",
  "species",
  "breed",
  "cls",
  "y",
];

/** `Image_ID` as `imageid`, and what may stand before or after a word that is known: `image_id`, `file_path`, `class_name`. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
const matches = (name: string, known: readonly string[]): boolean =>
  known.includes(plain(name)) || known.includes(plain(name).replace(/(?:id|name|path)s?$/, ""));

function hasNames(first: Cells, { imageColumn, labelColumn }: LabelColumns): boolean {
  const names = first.map((cell) => cell.trim());
  if ([imageColumn, labelColumn].some((asked) => asked !== undefined)) return true;
  return names.some((name) => matches(name, imageNames) || matches(name, labelNames));
}

interface Columns {
  readonly image: number;
  readonly label: number;
}

function namedColumns(path: string, first: Cells, { imageColumn, labelColumn }: LabelColumns): Columns {
  const names = first.map((cell) => cell.trim());
  const find = (asked: string | undefined, known: readonly string[], taken: number): number => {
    if (asked !== undefined) return names.indexOf(asked);
    const free = names.map((name, index) => (index === taken ? "" : name));
    const exact = known.map((word) => free.findIndex((name) => plain(name) === word)).find((at) => at >= 0);
    return exact ?? free.findIndex((name) => matches(name, known));
  };
  // A column that is asked for is no candidate for the other.
  const askedLabel = labelColumn === undefined ? -1 : names.indexOf(labelColumn);
  let image = find(imageColumn, imageNames, askedLabel);
  let label = find(labelColumn, labelNames, image);
  if (names.length === 2 && imageColumn === undefined && image < 0 && label >= 0) image = 1 - label;
  if (names.length === 2 && labelColumn === undefined && label < 0 && image >= 0) label = 1 - image;
  if (image < 0) throw noColumn(path, names, "images", "imageColumn, --image-column", imageColumn);
  if (label < 0) throw noColumn(path, names, "labels", "labelColumn, --label-column", labelColumn);
  return { image, label };
}

function plainColumns(path: string, first: Cells, _asked: LabelColumns): Columns {
  if (first.length === 2) return { image: 0, label: 1 };
  throw noColumn(path, first, "images and of labels", "imageColumn, labelColumn", undefined);
}

function noColumn(
  path: string,
  names: Cells,
  what: string,
  option: string,
  asked: string | undefined,
): DataError {
  const wanted = asked === undefined ? `a column of ${what}` : `a column "${asked}" of ${what}`;
  return invalid(
    path,
    `expected ${wanted}, the first row is ${names.join(", ") || "empty"}`,
    ` Name it with ${option}, as the first row spells it.`,
  );
}

const invalid = (path: string, what: string, remedy = ""): DataError =>
  new DataError(
    "data/labels-table",
    `${path}: ${what}.${remedy || " Expected a table with an image and its label in each row."}`,
  );
