import { opendir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  httpStorage,
  memoryStorage,
  storageTable,
  type Entry,
  type ListedEntry,
  type Storage,
  type StorageFor,
  type StorageOptions,
} from "../../storage/index.ts";
import { openAtomicFile } from "./atomic-file.ts";
import { lockFile } from "./file-lock.ts";
import { openFileSource, openGrowingFile, streamFile } from "./file-source.ts";
import { attempt, isErrno, makeMissingFolders } from "./file-system.ts";

const isFileUrl = (uri: string): boolean => /^file:/i.test(uri);
const pathOf = (uri: string): string => (isFileUrl(uri) ? fileURLToPath(uri) : uri);
const named = (path: string, like: string): string => (isFileUrl(like) ? pathToFileURL(path).href : path);

/** The files of the machine, by path or `file:` URL; errors, and the names of what is in a folder, are of the same kind. */
export const fileStorage: Storage = {
  stat: entryAt,
  list: listFolder,
  open: (uri) => openFileSource(pathOf(uri), uri),
  stream: (uri, options) => streamFile(pathOf(uri), options, uri),
  create: (uri) => openAtomicFile(pathOf(uri), uri),
  grow: (uri) => openGrowingFile(pathOf(uri), uri),
  makeFolder: (uri) => attempt(uri, () => makeMissingFolders(pathOf(uri))),
  move: (from, to) => attempt(from, () => rename(pathOf(from), pathOf(to))),
  remove: (uri) => attempt(uri, () => rm(pathOf(uri), { recursive: true, force: true })),
  async lock(uri, options) {
    const unlock = await attempt(uri, () => lockFile(pathOf(uri), options));
    return () => attempt(uri, unlock);
  },
  join: (folder, ...names) => named(join(pathOf(folder), ...names), folder),
  resolve: (uri) => named(resolve(pathOf(uri)), uri),
  path: pathOf,
};

const http = httpStorage();

/** The storages of Node by scheme; what has none is a path. */
export const nodeStorageFor: StorageFor = storageTable(
  { file: fileStorage, http, https: http, memory: memoryStorage() },
  fileStorage,
);

function entryAt(uri: string): Promise<Entry | undefined> {
  return attempt(uri, async () => {
    try {
      // An inode may need more digits than a double has.
      const found = await stat(pathOf(uri), { bigint: true });
      const isFolder = found.isDirectory();
      return {
        kind: isFolder ? "folder" : "file",
        size: isFolder ? 0 : Number(found.size),
        // As Stats.mtimeMs is made.
        modified: Number(found.mtimeNs / 1_000_000_000n) * 1e3 + Number(found.mtimeNs % 1_000_000_000n) / 1e6,
        identity: `${found.dev}:${found.ino}`,
      };
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  });
}

async function* listFolder(uri: string, { signal }: StorageOptions = {}): AsyncGenerator<ListedEntry> {
  signal?.throwIfAborted();
  const folder = await attempt(uri, () => opendir(pathOf(uri), { bufferSize: 1024 }));
  try {
    for (;;) {
      const entry = await attempt(uri, () => folder.read());
      if (!entry) return;
      signal?.throwIfAborted();
      yield {
        name: entry.name,
        kind: entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? "link" : "file",
      };
    }
  } finally {
    await folder.close();
  }
}
