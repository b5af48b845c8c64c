import type { OpenFile, StorageFor } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource, Part } from "../image-source.ts";
import type { parquetImages as read } from "../parquet-images.ts";

/** Decompresses gzip. @throws DataError `data/gzip`, naming the stream, when the data are damaged or cut off */
export type Gunzip = (name: string, compressed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** What finding images needs of the platform. */
export interface ImagePlatform {
  readonly storageFor: StorageFor;
  readonly gunzip: Gunzip;
  /** What the input "-" reads when nothing else is handed over. */
  readonly stdin?: () => AsyncIterable<Uint8Array>;
}

/** How {@link openImages} reads its inputs. */
export interface OpenImagesOptions {
  /**
   * Walk the names in folders and archives once beforehand, so that classes and size are known and damage is found
   * early. Without, the images come at once, and classes and size are undefined.
   *
   * @default true
   */
  readonly scan?: boolean;
  /**
   * Whether labels that stand in fields of their own are read, in WebDataset's `.cls` and `.json` and in columns of tables.
   * Without, nothing that is wrong with them is seen either.
   *
   * @default true
   */
  readonly readLabels?: boolean | undefined;
  /**
   * A table with an image and its label in each row, whose labels are taken in place of what the data have: CSV and the like, a
   * list `NAME INDEX`, Parquet. `imageColumn` and `labelColumn` are columns of it then.
   */
  readonly labelsFile?: string | undefined;
  /** Column of a Parquet table that holds the images. @default the only one that can, or "image" and the like */
  readonly imageColumn?: string | undefined;
  /** Column of a Parquet table that holds the labels. @default "label" and the like, if there is one */
  readonly labelColumn?: string | undefined;
  /** What the input "-" reads. @default process.stdin in Node; elsewhere there is none */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** One of several shares of the images: archives and tables as a whole, images in folders one by one. @default all */
  readonly part?: Part | undefined;
  /** A folder that is none of the data although it may lie among them: what a run writes to. */
  readonly exclude?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The images of a Parquet table, each with its bytes. */
export async function openParquet(
  { storageFor }: ImagePlatform,
  path: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  const { imageColumn, labelColumn, readLabels, signal, scan = true } = options;
  const choice = { imageColumn, labelColumn, readLabels, signal };
  const opened = (): Promise<OpenFile> => storageFor(path).open(path);
  const file = await opened();
  try {
    const { classes, size } = await parquetImages(file, { ...choice, scanLabels: scan });
    return { classes, size, [Symbol.asyncIterator]: walk };
  } finally {
    await file.close();
  }

  async function* walk(): AsyncGenerator<ImageItem> {
    const reopened = await opened();
    try {
      yield* await parquetImages(reopened, choice);
    } finally {
      await reopened.close();
    }
  }
}

/**
 * The images of a Parquet table, a row group at a time.
 *
 * Classes are those that Hugging Face's metadata name, or the distinct labels when `scanLabels` is set. What reads tables is
 * loaded when the first is opened: its decompressors are a third of what a page would load otherwise.
 *
 * @throws DataError when the file is no Parquet table, has no image column, or is damaged
 */
export const parquetImages: typeof read = async (source, options) =>
  (await import("../parquet-images.ts")).parquetImages(source, options);
