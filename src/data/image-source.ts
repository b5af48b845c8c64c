import { addLeftOut, type LeftOutFiles } from "./left-out.ts";
import { sortNaturally } from "./natural-order.ts";

/**
 * Where the bytes of an image lie: a file, a range of a file, a Blob, or memory; or why the data have none, as for an empty row
 * of a table. Survives structured cloning.
 */
export type ImageContent =
  | { readonly path: string; readonly offset?: number; readonly length?: number }
  | { readonly blob: Blob }
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly missing: string };

/** One image that has been found but not read. */
export interface ImageItem {
  /** Path of the file, or archive path + "/" + entry; unique within well-formed data. */
  readonly id: string;
  /** Name of the class as the data spell it: a folder name, a WebDataset `.cls`, a Parquet label. */
  readonly label?: string;
  /** Why there is no label where the data should have one: a field that cannot be read, a row without. */
  readonly labelProblem?: string;
  readonly content: ImageContent;
  /** False where the pixels are not those of the file, because a browser has shown the image before. */
  readonly exact?: false;
}

/** Images in a stable order; each iteration walks the data anew, so memory does not grow with their number. */
export interface ImageSource extends AsyncIterable<ImageItem> {
  /** Class names in natural order; undefined for unlabelled data and for data that was not scanned. */
  readonly classes: readonly string[] | undefined;
  /** Number of images; undefined when it cannot be known without reading the data. */
  readonly size: number | undefined;
  /** The parts of data that come in folders for training and for validation; left out for data in one piece, and unscanned. */
  readonly splits?: ImageSplits | undefined;
  /** Pictures and videos of kinds that are not read; left out where there are none, and for data that were not scanned. */
  readonly leftOut?: readonly LeftOutFiles[] | undefined;
  /** Of a part of images: how many pieces there are to share out, which are archives, tables, and images of folders. */
  readonly pieces?: number | undefined;
  /** Rows of a table of labels that no image has, the first three by name; left out without such a table. */
  readonly rowsWithoutImage?: RowsWithoutImage | undefined;
}

/** Rows of a table of labels that no image has. */
export interface RowsWithoutImage {
  readonly count: number;
  readonly examples: readonly string[];
}

/** Data in parts, as folders `train` and `val` hold them. */
export interface ImageSplits {
  readonly training: ImageSource;
  /** Undefined where there are labels for training only. */
  readonly validation: ImageSource | undefined;
  readonly names: SplitNames;
}

/** Where the parts of data lie: paths of folders. */
export interface SplitNames {
  readonly training: readonly string[];
  readonly validation: readonly string[];
  /** Folders beside them, which are neither trained nor validated on. */
  readonly unused: readonly string[];
}

/** Which folders of the data are used for what, as a phrase. */
export function splitsText({ training, validation, unused }: SplitNames): string {
  return [
    `training on ${training.join(", ")}`,
    ...(validation.length > 0 ? [`validating on ${validation.join(", ")}`] : []),
    ...(unused.length > 0 ? [`not using ${unused.join(", ")}`] : []),
  ].join(", ");
}

/** One of several shares of images, which processes take that know nothing of each other. */
export interface Part {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/** One source after the other; the classes are the union, the size is known when every size is. */
export function concatSources(sources: readonly ImageSource[]): ImageSource {
  const only = sources.length === 1 ? sources[0] : undefined;
  if (only) return only;
  const classes = new Set(sources.flatMap((source) => source.classes ?? []));
  const size = sources.reduce<number | undefined>(
    (sum, source) => (sum === undefined || source.size === undefined ? undefined : sum + source.size),
    0,
  );
  return {
    classes: classes.size > 0 ? sortNaturally(classes) : undefined,
    size,
    splits: concatSplits(sources),
    leftOut: addLeftOut(sources.flatMap(({ leftOut }) => leftOut ?? [])),
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const source of sources) yield* source;
    },
  };
}

/** The parts of several data sets, if one of them comes in parts; the others are for training as a whole. */
function concatSplits(sources: readonly ImageSource[]): ImageSplits | undefined {
  const splits = sources.flatMap((source) => source.splits ?? []);
  if (splits.length === 0) return undefined;
  const validations = splits.flatMap(({ validation }) => validation ?? []);
  return {
    training: concatSources(sources.map((source) => source.splits?.training ?? source)),
    validation: validations.length > 0 ? concatSources(validations) : undefined,
    names: {
      training: splits.flatMap(({ names }) => names.training),
      validation: splits.flatMap(({ names }) => names.validation),
      unused: splits.flatMap(({ names }) => names.unused),
    },
  };
}
