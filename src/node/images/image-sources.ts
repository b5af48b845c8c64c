import { createReadStream } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "../../core/index.ts";
import {
  classCollector,
  isHiddenName,
  isImagePath,
  parquetImages,
  sortNaturally,
  tarImages,
  tarStreamImages,
  type ImageItem,
  type ImageSource,
  type TarImagesOptions,
} from "../../data/index.ts";
import { openFileSource } from "../files/file-source.ts";
import { fileError, isFolder, statPath } from "../files/file-system.ts";

/** How {@link openImages} reads its inputs. */
export interface OpenImagesOptions {
  /**
   * Walk the names in folders and archives once beforehand, so that classes and size are known and damage is found
   * early. Without, the images come at once, and classes and size are undefined.
   *
   * @default true
   */
  readonly scan?: boolean;
  /** Column of a Parquet table that holds the images. @default the only one that can, or "image" and the like */
  readonly imageColumn?: string | undefined;
  /** Column of a Parquet table that holds the labels. @default "label" and the like, if there is one */
  readonly labelColumn?: string | undefined;
  /** What the input "-" reads. @default process.stdin */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The images below a folder in natural order, links followed, hidden names left out.
 *
 * The label is the name of the top folder, as in torchvision's ImageFolder; images directly inside have none.
 * Only the names of the folders on the way are held in memory.
 *
 * @throws DataError when a folder cannot be read
 */
export async function openImageFolder(folder: string, options: OpenImagesOptions): Promise<ImageSource> {
  const walkAll = (): AsyncGenerator<ImageItem> => walkFolder(folder, undefined, new Set(), options.signal);
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: walkAll };
  let size = 0;
  for await (const _ of walkAll()) size++;
  const { folders } = await listFolder(folder, new Set(), options.signal);
  return { classes: folders.length > 0 ? folders : undefined, size, [Symbol.asyncIterator]: walkAll };
}

async function* walkFolder(
  folder: string,
  label: string | undefined,
  ancestors: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  const { files, folders, identity } = await listFolder(folder, ancestors, signal);
  const inside = new Set([...ancestors, identity]);
  const folderNames = new Set(folders);
  for (const name of sortNaturally([...files, ...folders])) {
    const path = join(folder, name);
    if (folderNames.has(name)) yield* walkFolder(path, label ?? name, inside, signal);
    else yield label === undefined ? { id: path, content: { path } } : { id: path, label, content: { path } };
  }
}

interface Listing {
  readonly files: readonly string[];
  /** In natural order. */
  readonly folders: readonly string[];
  /** Device and inode: how a loop of links is recognised. */
  readonly identity: string;
}

async function listFolder(
  folder: string,
  ancestors: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<Listing> {
  signal?.throwIfAborted();
  const files: string[] = [];
  const folders: string[] = [];
  try {
    const { dev, ino } = await stat(folder, { bigint: true });
    const identity = `${dev}:${ino}`;
    if (ancestors.has(identity)) return { files, folders, identity };
    for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
      if (isHiddenName(entry.name)) continue;
      if (entry.isDirectory()) folders.push(entry.name);
      else if (isImagePath(entry.name)) files.push(entry.name);
      // A link to nowhere that is not named as an image is none.
      else if (entry.isSymbolicLink() && (await isFolder(join(folder, entry.name)))) folders.push(entry.name);
    }
    return { files, folders: sortNaturally(folders), identity };
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

type Walk = (options: TarImagesOptions) => AsyncGenerator<ImageItem>;

/** The images of a `.tar`, each located by its offset. */
export function openTar(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  return openWalk(options, async function* (walkOptions) {
    await using file = await openFileSource(path);
    yield* tarImages(file, walkOptions);
  });
}

/** The images of a `.tar.gz`, each with its bytes, decompressed anew for every walk. */
export function openGzippedTar(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  return openWalk(options, async function* (walkOptions) {
    // A stream's own error for a missing file arrives late and wrapped; stat's is plain.
    await statPath(path);
    yield* tarStreamImages(path, gunzipped(path, createReadStream(path)), walkOptions);
  });
}

async function openWalk(options: OpenImagesOptions, walk: Walk): Promise<ImageSource> {
  const { signal } = options;
  const iterate = (): AsyncGenerator<ImageItem> => walk({ signal });
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: iterate };
  const collector = classCollector();
  let size = 0;
  for await (const item of walk({
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
export async function openParquet(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  const { imageColumn, labelColumn, signal, scan = true } = options;
  const choice = { imageColumn, labelColumn, signal };
  await using file = await openFileSource(path);
  const { classes, size } = await parquetImages(file, { ...choice, scanLabels: scan });
  return {
    classes,
    size,
    async *[Symbol.asyncIterator]() {
      await using reopened = await openFileSource(path);
      yield* await parquetImages(reopened, choice);
    },
  };
}

/**
 * Decompresses a gzip stream, chunk by chunk.
 *
 * @throws DataError when the data are damaged or cut off
 */
export async function* gunzipped(
  name: string,
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // The error surfaces in the loop below; the callback keeps it from being thrown twice.
  pipeline(Readable.from(compressed), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/gzip", `${name}: the gzip stream is damaged or cut off: ${reason}.`, { cause });
  }
}
