import type { Dir, Dirent } from "node:fs";
import { open, opendir, rename, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DataError, decodeName, encodeName } from "../../core/index.ts";
import {
  endsEarly,
  httpStorage,
  memoryStorage,
  storageTable,
  type Entry,
  type GrowingFile,
  type ListedEntry,
  type OpenFile,
  type Storage,
  type StorageFor,
  type StorageOptions,
} from "../../core/storage/index.ts";
import { lazyStorage } from "../objects/lazy-storage.ts";
import { environmentFetch } from "./environment-fetch.ts";
import { lockFile } from "./file-lock.ts";
import { attempt, flush, isErrno, makeMissingFolders, openAtomicFile } from "./file-system.ts";

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
  free: (uri) => freeBytes(resolve(pathOf(uri))),
};

const fetch = environmentFetch();
const plainHttp = httpStorage(fetch);
const http: Storage = {
  ...plainHttp,
  async open(uri, options) {
    if (options?.whole !== true) return plainHttp.open(uri);
    const { openSpooledHttp } = await import("../objects/spooled-http.ts");
    return openSpooledHttp(plainHttp, fetch, uri, options);
  },
};

// What speaks to object stores is loaded when the first is named.
const s3 = lazyStorage(async () => (await import("../objects/s3-storage.ts")).s3Storage());
const hf = lazyStorage(async () => (await import("../objects/hf-storage.ts")).hfStorage());

/** The storages of Node by scheme; what has none is a path. */
export const nodeStorageFor: StorageFor = storageTable(
  { file: fileStorage, http, https: http, s3, hf, memory: memoryStorage() },
  fileStorage,
);

/** The path of a file that has one. */
export const pathOnDisk = (uri: string): string => nodeStorageFor(uri).path(uri) ?? uri;

/**
 * The path of a folder that is to appear as a whole, for which it is renamed.
 *
 * @throws DataError `data/read-only` for one that is not on a disk
 */
export function folderOnDisk(uri: string): string {
  const path = nodeStorageFor(uri).path(uri);
  if (path !== undefined) return path;
  throw new DataError(
    "data/read-only",
    `${uri}: this folder appears as a whole in the end, which is for folders on disk only. Write it to the disk, and copy it from there.`,
  );
}

function entryAt(uri: string): Promise<Entry | undefined> {
  return attempt(uri, async () => {
    try {
      // An inode may need more digits than a double has.
      const found = await stat(onDisk(pathOf(uri)), { bigint: true });
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

/** Of the file system that a path is in, or the folder above it that stands. */
async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(path);
    // File systems that hold no data, such as /proc, have no blocks; writing says what is wrong there.
    return blocks === 0 ? undefined : bavail * bsize;
  } catch (error) {
    const isMissing = isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR");
    return isMissing && dirname(path) !== path ? freeBytes(dirname(path)) : undefined;
  }
}

/** A path as the system takes it: bytes where a name is no text. */
const onDisk = (path: string): string | Buffer => {
  const bytes = encodeName(path);
  return bytes === undefined ? path : Buffer.from(bytes);
};

/** Opens a folder whose names come as bytes, which may be no UTF-8. */
const openFolder = (path: string): Promise<FolderOfBytes> =>
  // Node's declarations know names that are text alone.
  opendir(onDisk(path), {
    bufferSize: 1024,
    encoding: "buffer" as BufferEncoding,
  }) as unknown as Promise<FolderOfBytes>;

interface FolderOfBytes extends Pick<Dir, "close"> {
  read(): Promise<Dirent<Buffer> | null>;
}

async function* listFolder(uri: string, { signal }: StorageOptions = {}): AsyncGenerator<ListedEntry> {
  signal?.throwIfAborted();
  const folder = await attempt(uri, () => openFolder(pathOf(uri)));
  try {
    for (;;) {
      const entry = await attempt(uri, () => folder.read());
      if (!entry) return;
      signal?.throwIfAborted();
      yield {
        name: decodeName(entry.name),
        kind: entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? "link" : "file",
      };
    }
  } finally {
    await folder.close();
  }
}

/** Bytes of one system call: Node refuses more than 2^31 - 1. */
const largestCall = 2 ** 30;

/** Bytes that are read at a time where a file is read from its beginning: most photographs in one piece. */
const streamChunk = 2 ** 20;

/**
 * Opens a file for random access.
 *
 * @param name What errors call it. @default path
 * @throws DataError `data/not-found`, `data/not-a-file`, `data/permission`, …; reading past its end, or past an end
 *   that has moved since, rejects with `data/truncated`
 */
export async function openFileSource(path: string, name = path): Promise<OpenFile> {
  const file = await attempt(name, () => open(onDisk(path)));
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new DataError("data/not-a-file", `${name}: expected a file, this is a folder or a device.`);
  }
  const { size } = stats;
  const close = (): Promise<void> => file.close();
  return {
    name,
    size,
    read: (offset, length) => readRange(file, name, offset, length, size),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Opens a file that is read and appended to, and makes it where it is missing. @throws DataError as `openFileSource` */
async function openGrowingFile(path: string, name = path): Promise<GrowingFile> {
  const file = await attempt(name, () => open(path, "a+"));
  let { size } = await file.stat();
  const close = (): Promise<void> => file.close();
  return {
    name,
    get size() {
      return size;
    },
    read: (offset, length) => readRange(file, name, offset, length, size),
    append: (bytes) =>
      attempt(name, async () => {
        await file.appendFile(bytes);
        size += bytes.byteLength;
      }),
    truncate: (length) =>
      attempt(name, async () => {
        if (length >= size) return;
        await file.truncate(length);
        size = length;
      }),
    sync: () => attempt(name, () => flush(file)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readRange(
  file: FileHandle,
  name: string,
  offset: number,
  length: number,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Before allocating: the length may be a damaged archive's claim.
  if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(name, offset, length, size);
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const part = Math.min(length - filled, largestCall);
    const { bytesRead } = await attempt(name, () => file.read(bytes, filled, part, offset + filled));
    if (bytesRead === 0) throw endsEarly(name, offset, length, offset + filled);
    filled += bytesRead;
  }
  return bytes;
}

/** The bytes of a file, a pipe or a device, from the beginning. @throws DataError as `openFileSource` does */
async function* streamFile(
  path: string,
  { signal }: StorageOptions = {},
  name = path,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  const file = await attempt(name, () => open(onDisk(path)));
  try {
    // Pipes, and files of /proc, say 0: they end where a read gives nothing.
    const { size } = await file.stat();
    const end = size === 0 ? Infinity : size;
    for (let position = 0; position < end;) {
      signal?.throwIfAborted();
      const bytes = new Uint8Array(Math.min(streamChunk, end - position));
      const { bytesRead } = await attempt(name, () => file.read(bytes, 0, bytes.byteLength, null));
      if (bytesRead === 0) return;
      yield bytesRead === bytes.byteLength ? bytes : bytes.subarray(0, bytesRead);
      position += bytesRead;
    }
  } finally {
    await file.close();
  }
}
