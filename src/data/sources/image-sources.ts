import { existing, type OpenFile, type Storage, type StorageFor } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource } from "../image-source.ts";
import { isHiddenName, isImagePath, maskedPicture } from "../input-kind.ts";
import { sortNaturally } from "../natural-order.ts";
import type { parquetImages as read } from "../parquet-images.ts";
import { classCollector, tarImages, tarStreamImages, type TarImagesOptions } from "../tar/tar-images.ts";

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
  /** Column of a Parquet table that holds the images. @default the only one that can, or "image" and the like */
  readonly imageColumn?: string | undefined;
  /** Column of a Parquet table that holds the labels. @default "label" and the like, if there is one */
  readonly labelColumn?: string | undefined;
  /** What the input "-" reads. @default process.stdin in Node; elsewhere there is none */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The images below a folder in natural order, links followed; hidden names and the folders of runs are left out.
 *
 * The label is the name of the top folder, as in torchvision's ImageFolder; images directly inside have none.
 * Only the names of the folders on the way are held in memory.
 *
 * @throws DataError when a folder cannot be read
 */
export async function openImageFolder(
  { storageFor }: ImagePlatform,
  folder: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  const storage = storageFor(folder);
  const walkAll = (): AsyncGenerator<ImageItem> =>
    walkFolder(storage, folder, undefined, new Set(), options.signal);
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: walkAll };
  let size = 0;
  for await (const _ of walkAll()) size++;
  const { folders } = await listFolder(storage, folder, new Set(), options.signal);
  return { classes: folders.length > 0 ? folders : undefined, size, [Symbol.asyncIterator]: walkAll };
}

async function* walkFolder(
  storage: Storage,
  folder: string,
  label: string | undefined,
  ancestors: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  const { files, folders, identity } = await listFolder(storage, folder, ancestors, signal);
  const inside = identity === undefined ? ancestors : new Set([...ancestors, identity]);
  const folderNames = new Set(folders);
  for (const name of sortNaturally([...files, ...folders])) {
    const path = storage.join(folder, name);
    if (folderNames.has(name)) yield* walkFolder(storage, path, label ?? name, inside, signal);
    else yield label === undefined ? { id: path, content: { path } } : { id: path, label, content: { path } };
  }
}

interface Listing {
  readonly files: readonly string[];
  /** In natural order. */
  readonly folders: readonly string[];
  /** How a loop of links is recognised. */
  readonly identity: string | undefined;
}

async function listFolder(
  storage: Storage,
  folder: string,
  ancestors: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<Listing> {
  signal?.throwIfAborted();
  const files: string[] = [];
  const folders: string[] = [];
  const { identity } = await existing(storage, folder);
  if (identity !== undefined && ancestors.has(identity)) return { files, folders, identity };
  for await (const { name, kind } of storage.list(folder, { signal })) {
    if (isHiddenName(name)) continue;
    const path = storage.join(folder, name);
    // A link to nowhere that is not named as an image is none.
    const leadsToFolder =
      kind === "folder" || (kind === "link" && !isImagePath(name) && (await isFolder(storage, path)));
    if (leadsToFolder) {
      if (!(await isRunFolder(storage, path))) folders.push(name);
    } else if (isImagePath(name)) files.push(name);
  }
  return { files: withoutMasks(files), folders: sortNaturally(folders), identity };
}

/** The images that are not the mask of another among them. */
function withoutMasks(files: readonly string[]): readonly string[] {
  const stemOf = (name: string): string => name.slice(0, name.lastIndexOf("."));
  const stems = new Set(files.map(stemOf));
  return files.filter((name) => !stems.has(maskedPicture(stemOf(name)) ?? ""));
}

/** What the folder of a training has, and that of a semi-supervised run, from the first moment on. */
const runFiles = ["recipe.yaml", "semi.yaml", ".lock"];

/** Whether a folder is that of a run, which may lie among the images that it is trained on: no class, and no data. */
async function isRunFolder(storage: Storage, folder: string): Promise<boolean> {
  for (const name of runFiles) {
    const entry = await storage.stat(storage.join(folder, name)).catch(() => undefined);
    if (entry?.kind === "file") return true;
  }
  return false;
}

/** Whether a folder, or a link to one, stands at a path; what cannot be looked at is none. */
const isFolder = (storage: Storage, path: string): Promise<boolean> =>
  storage.stat(path).then(
    (entry) => entry?.kind === "folder",
    () => false,
  );

type Walk = (options: TarImagesOptions) => AsyncGenerator<ImageItem>;

/** The images of a `.tar`, each located by its offset. */
export function openTar(
  { storageFor }: ImagePlatform,
  path: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  return openWalk(options, async function* (walkOptions) {
    const file = await storageFor(path).open(path);
    try {
      yield* tarImages(file, walkOptions);
    } finally {
      await file.close();
    }
  });
}

/** The images of a `.tar.gz`, each with its bytes, decompressed anew for every walk. */
export function openGzippedTar(
  { storageFor, gunzip }: ImagePlatform,
  path: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  return openWalk(options, (walkOptions) =>
    tarStreamImages(path, gunzip(path, storageFor(path).stream(path)), walkOptions),
  );
}

async function openWalk(options: OpenImagesOptions, walk: Walk): Promise<ImageSource> {
  const { readLabels, signal } = options;
  const iterate = (): AsyncGenerator<ImageItem> => walk({ readLabels, signal });
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: iterate };
  const collector = classCollector();
  let size = 0;
  for await (const item of walk({
    readLabels,
    signal,
    onFolder: (path, holdsImages) => collector.folder(path, holdsImages),
  })) {
    size++;
    if (item.label !== undefined) collector.label(item.label);
  }
  const classes = collector.classes();
  return {
    classes: classes.length > 0 ? sortNaturally(classes) : undefined,
    size,
    [Symbol.asyncIterator]: iterate,
  };
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
