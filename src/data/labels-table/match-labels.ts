import { DataError } from "../../core/index.ts";
import { isUrl, type StorageFor } from "../../core/storage/index.ts";
import { concatSources, type ImageItem, type ImageSource } from "../image-source.ts";
import { isImagePath } from "../input-kind.ts";
import { sortNaturally } from "../natural-order.ts";
import { noneLabel } from "../sources/class-folders.ts";
import { readLabels, type LabelColumns, type LabelRow } from "./read-labels.ts";

/** What a table of labels is read with. */
export interface LabelsTableOptions extends LabelColumns {
  readonly labelsFile: string;
  readonly signal?: AbortSignal | undefined;
}

/** Images that come from one place. */
export interface ImagePart {
  /** Opens them; labels in fields of their own need not be read. */
  open(): Promise<ImageSource>;
  /** Opens them with the labels that they came with; left out where they cannot be opened again. */
  withOwnLabels?: (() => Promise<ImageSource>) | undefined;
}

/**
 * Images with the labels of a table: `labels.csv` with `id,label` as on Kaggle, ImageNet's `val` list, Parquet.
 *
 * A row names an image by its path, or by the end of it, with or without its ending: the longest name that fits wins, and of the
 * images that a row may name those that share most of its path. An image that no row names, or whose row names several images, has
 * no label and says why. Rows that no image has are counted.
 *
 * The table is for the parts some of whose images it gives a label; others keep the labels that they have, if they have any. An
 * image whose row has no label may lie in a folder that is called like another label.
 *
 * @throws DataError `data/labels-table` for a table that cannot be used, or of whose rows none names an image
 */
export async function withLabelsOf(
  storageFor: StorageFor,
  parts: readonly ImagePart[],
  { labelsFile, signal, ...columns }: LabelsTableOptions,
): Promise<ImageSource> {
  const table = labelTable(labelsFile, await readLabels(storageFor, labelsFile, columns));
  // Of each row how much of its path an image shares at most, and how many images do.
  const most = new Uint32Array(table.rows.length);
  const images = new Uint32Array(table.rows.length);
  const walked: {
    readonly part: ImagePart;
    readonly source: ImageSource;
    readonly size: number;
    readonly shared: ReadonlyMap<number, number>;
  }[] = [];
  // Folders in which images lie whose row has no label.
  const folders = new Set<string>();
  for (const part of parts) {
    const source = await part.open();
    let size = 0;
    const found = new Map<number, number>();
    for await (const { id, label: own } of source) {
      signal?.throwIfAborted();
      size++;
      const match = table.find(id);
      if (!match) continue;
      const { row, shared } = match;
      if (shared > most[row]!) images[row] = 0;
      if (shared >= most[row]!) images[row]!++;
      most[row] = Math.max(most[row]!, shared);
      if (table.rows[row]!.label !== "") found.set(row, Math.max(found.get(row) ?? 0, shared));
      else if (own !== undefined) folders.add(own);
    }
    walked.push({ part, source, size, shared: found });
  }
  const opened: { readonly source: ImageSource; readonly size: number; readonly hasOwn: boolean }[] = [];
  for (const { part, source, size, shared } of walked) {
    const isNamed = [...shared].some(([row, length]) => length === most[row]);
    const own = isNamed ? undefined : await part.withOwnLabels?.();
    opened.push(own?.classes ? { source: own, size, hasOwn: true } : { source, size, hasOwn: false });
  }
  const unused = table.rows.filter((_, row) => images[row] === 0);
  if (unused.length === table.rows.length) throw noneNamed(labelsFile, unused);
  const found = new Set(
    table.rows.filter(({ label }, row) => images[row] === 1 && label !== "").map(({ label }) => label),
  );
  const known = new Set([
    ...found,
    noneLabel,
    ...opened.flatMap(({ source, hasOwn }) => (hasOwn ? source.classes! : [])),
  ]);
  const classes = sortNaturally(new Set([...found, ...[...folders].filter((name) => known.has(name))]));
  const labelOf = ({ id, label: own }: ImageItem): Pick<ImageItem, "label" | "labelProblem"> => {
    const match = table.find(id);
    const row = match && match.shared === most[match.row] ? match.row : undefined;
    if (row === undefined) return { labelProblem: `${labelsFile}: no row names this image.` };
    const { image, label, row: line } = table.rows[row]!;
    if (label === "" && own !== undefined && known.has(own)) return { label: own };
    if (label === "") return { labelProblem: `${labelsFile}, row ${line}: there is no label.` };
    return images[row] === 1
      ? { label }
      : {
          labelProblem: `${labelsFile}, row ${line}: "${image}" names ${images[row]} images. Write more of their paths.`,
        };
  };
  const labelled = opened.map(({ source, size, hasOwn }): ImageSource => {
    if (hasOwn) return source;
    return {
      classes: classes.length > 0 ? classes : undefined,
      size,
      leftOut: source.leftOut,
      async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
        for await (const item of source) {
          const { label: _, labelProblem: __, ...rest } = item;
          yield { ...rest, ...labelOf(item) };
        }
      },
    };
  });
  return {
    ...concatSources(labelled),
    rowsWithoutImage: { count: unused.length, examples: unused.slice(0, 3).map(({ image }) => image) },
  };
}

interface LabelTable {
  readonly rows: readonly LabelRow[];
  /** The row that may name an image. */
  find(id: string): Match | undefined;
}

interface Match {
  /** Its index. */
  readonly row: number;
  /** Names at the end of the path that both have, the file's among them. */
  readonly shared: number;
}

/** @throws DataError `data/labels-table` for an image with two labels */
function labelTable(path: string, given: readonly LabelRow[]): LabelTable {
  const byName = new Map<string, number>();
  const rows: LabelRow[] = [];
  for (const row of given) {
    const name = normalised(row.image);
    const known = byName.get(name);
    if (known === undefined) byName.set(name, rows.push(row) - 1);
    else if (rows[known]!.label !== row.label) throw twoLabels(path, rows[known]!, row);
  }
  // Names with other folders above them than the images were given with.
  const byFile = new Map<string, { readonly name: string; readonly row: number }[]>();
  for (const [name, row] of byName) {
    const file = name.slice(name.lastIndexOf("/") + 1);
    const same = byFile.get(file);
    if (same) same.push({ name, row });
    else byFile.set(file, [{ name, row }]);
  }
  return {
    rows,
    find(id) {
      const name = normalised(isUrl(id) ? id.replace(/[?#].*$/, "") : id);
      const names = isImagePath(name) ? [name, name.slice(0, name.lastIndexOf("."))] : [name];
      for (const whole of names) {
        for (let at = 0; at >= 0; at = whole.indexOf("/", at + 1)) {
          const end = at === 0 ? whole : whole.slice(at + 1);
          const row = byName.get(end);
          if (row !== undefined) return { row, shared: end.split("/").length };
        }
      }
      for (const whole of names) {
        const match = nearest(whole, byFile.get(whole.slice(whole.lastIndexOf("/") + 1)) ?? []);
        if (match) return match;
      }
      return undefined;
    },
  };
}

/** The row whose name ends like a path for the longest; undefined where several do. */
function nearest(
  path: string,
  rows: readonly { readonly name: string; readonly row: number }[],
): Match | undefined {
  const shared = rows.map(({ name }) => sharedEnd(path.split("/"), name.split("/")));
  const most = Math.max(...shared);
  const nearestRow = rows[shared.indexOf(most)];
  return nearestRow && shared.indexOf(most) === shared.lastIndexOf(most)
    ? { row: nearestRow.row, shared: most }
    : undefined;
}

function sharedEnd(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

/** With slashes, without `./` in front, and letters with accents in one form: macOS takes them apart in names of files. */
const normalised = (name: string): string =>
  name
    .replaceAll("\\", "/")
    .replace(/^(?:\.?\/)+/, "")
    .normalize("NFC");

const twoLabels = (path: string, a: LabelRow, b: LabelRow): DataError =>
  new DataError(
    "data/labels-table",
    `${path}: expected one label for each image, "${a.image}" is ${a.label} in row ${a.row} and ${b.label} in row ${b.row}. Take one of them out.`,
  );

const noneNamed = (path: string, rows: readonly LabelRow[]): DataError =>
  new DataError(
    "data/labels-table",
    `${path}: none of its ${rows.length} rows names one of the images; the first is "${rows[0]?.image ?? ""}". Check the folder, and the column (imageColumn, --image-column).`,
  );
