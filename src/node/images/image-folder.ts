import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  isHiddenName,
  isImagePath,
  sortNaturally,
  type ImageItem,
  type ImageSource,
} from "../../data/index.ts";
import { fileError } from "../file-error.ts";
import { isFolder } from "../is-folder.ts";
import type { OpenImagesOptions } from "./options.ts";

/**
 * The images below a folder in natural order, links followed, hidden names left out.
 *
 * The label is the name of the top folder, as in torchvision's ImageFolder; images directly inside have none.
 * Only the names of the folders on the way are held in memory.
 *
 * @throws DataError when a folder cannot be read
 */
export async function openImageFolder(folder: string, options: OpenImagesOptions): Promise<ImageSource> {
  const walkAll = (): AsyncGenerator<ImageItem> => images(folder, undefined, new Set(), options.signal);
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: walkAll };
  let size = 0;
  for await (const _ of walkAll()) size++;
  const { folders } = await list(folder, new Set(), options.signal);
  return { classes: folders.length > 0 ? folders : undefined, size, [Symbol.asyncIterator]: walkAll };
}

async function* images(
  folder: string,
  label: string | undefined,
  ancestors: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  const { files, folders, identity } = await list(folder, ancestors, signal);
  const inside = new Set([...ancestors, identity]);
  const folderNames = new Set(folders);
  for (const name of sortNaturally([...files, ...folders])) {
    const path = join(folder, name);
    if (folderNames.has(name)) yield* images(path, label ?? name, inside, signal);
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

async function list(
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
