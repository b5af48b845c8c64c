import { createReadStream } from "node:fs";
import { open, opendir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { GrowingFile, ListedEntry, Storage, StorageFor } from "../../storage/index.ts";
import { openAtomicFile } from "./atomic-file.ts";
import { lockFile } from "./file-lock.ts";
import { openFileSource } from "./file-source.ts";
import { fileError, isErrno, makeFolder } from "./file-system.ts";

/** The files of the machine, by path. */
const fileStorage: Storage = {
  stat: (path) =>
    attempt(path, async () => {
      try {
        const found = await stat(path, { bigint: true });
        return {
          kind: found.isDirectory() ? "folder" : "file",
          size: found.isDirectory() ? 0 : Number(found.size),
          modified: Number(found.mtimeMs),
          identity: `${found.dev}:${found.ino}`,
        };
      } catch (error) {
        if (isErrno(error, "ENOENT")) return undefined;
        throw error;
      }
    }),
  async *list(path): AsyncGenerator<ListedEntry> {
    const folder = await attempt(path, () => opendir(path));
    for await (const entry of folder) {
      yield { name: entry.name, kind: entry.isDirectory() ? "folder" : "file" };
    }
  },
  open: openFileSource,
  async *stream(path) {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array<ArrayBuffer>;
  },
  create: openAtomicFile,
  grow: openGrowingFile,
  makeFolder,
  move: (from, to) => attempt(from, () => rename(from, to)),
  remove: (path) => attempt(path, () => rm(path, { recursive: true, force: true })),
  lock: (path, { signal, onWait = () => undefined } = {}) => lockFile(path, { signal, onWait }),
  join,
  resolve: (path) => resolve(path),
  path: (path) => path,
};

/** The storages of Node by scheme; what has none is a path. */
export const nodeStorageFor: StorageFor = () => fileStorage;

async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

async function openGrowingFile(path: string): Promise<GrowingFile> {
  const file = await attempt(path, () => open(path, "a+"));
  let { size } = await file.stat();
  const close = (): Promise<void> => file.close();
  return {
    name: path,
    get size() {
      return size;
    },
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      await attempt(path, () => file.read(bytes, 0, length, offset));
      return bytes;
    },
    append: (bytes) =>
      attempt(path, async () => {
        await file.appendFile(bytes);
        size += bytes.byteLength;
      }),
    truncate: (length) =>
      attempt(path, async () => {
        await file.truncate(length);
        size = length;
      }),
    sync: () => attempt(path, () => file.sync()),
    close,
    [Symbol.asyncDispose]: close,
  };
}
