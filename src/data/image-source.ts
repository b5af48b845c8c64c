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
}

/** One source after the other; the classes are the union, the size is known when every size is. */
export function concatSources(sources: readonly ImageSource[]): ImageSource {
  const classes = new Set(sources.flatMap((source) => source.classes ?? []));
  const size = sources.reduce<number | undefined>(
    (sum, source) => (sum === undefined || source.size === undefined ? undefined : sum + source.size),
    0,
  );
  return {
    classes: classes.size > 0 ? sortNaturally(classes) : undefined,
    size,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const source of sources) yield* source;
    },
  };
}
