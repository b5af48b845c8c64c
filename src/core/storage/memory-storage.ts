import { DataError } from "../errors.ts";
import {
  endsEarly,
  notAFile,
  notFound,
  type Entry,
  type GrowingFile,
  type OpenFile,
  type Storage,
} from "./storage.ts";

interface StoredFile {
  /** As large as what was written, or larger: it grows by doubling. */
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  modified: number;
}

/**
 * Files in the memory of one thread, for tests and small data: `memory:folder/a.jpg`. The scheme may be left out, and
 * slashes after it do not count. The folder at the top is there from the beginning.
 */
export function memoryStorage(): Storage {
  const files = new Map<string, StoredFile>();
  const folders = new Set<string>([""]);
  const locks = new Map<string, Promise<void>>();

  const fileAt = (uri: string): StoredFile => {
    const key = keyOf(uri);
    const file = files.get(key);
    if (file) return file;
    throw folders.has(key) ? notAFile(uri) : notFound(uri);
  };
  /** Where a file may be written. */
  const placeOf = (uri: string): string => {
    const key = keyOf(uri);
    if (folders.has(key)) throw notAFile(uri);
    if (!folders.has(parentOf(key))) throw notFound(uri);
    return key;
  };
  const put = (key: string, bytes: Uint8Array<ArrayBuffer>): void => {
    files.set(key, { bytes, size: bytes.byteLength, modified: Date.now() });
  };

  return {
    stat(uri) {
      const key = keyOf(uri);
      const file = files.get(key);
      const entry: Entry | undefined = file
        ? { kind: "file", size: file.size, modified: file.modified, identity: undefined }
        : folders.has(key)
          ? { kind: "folder", size: 0, modified: 0, identity: undefined }
          : undefined;
      return Promise.resolve(entry);
    },
    async *list(uri, { signal } = {}) {
      signal?.throwIfAborted();
      const folder = keyOf(uri);
      if (!folders.has(folder)) throw notFound(uri);
      const isInside = (key: string): boolean => key !== "" && parentOf(key) === folder;
      for (const key of [...folders].filter(isInside)) yield { name: nameOf(key), kind: "folder" };
      for (const key of [...files.keys()].filter(isInside)) yield { name: nameOf(key), kind: "file" };
    },
    open: async (uri) => {
      const { bytes, size } = fileAt(uri);
      return openBytes(uri, () => bytes.subarray(0, size));
    },
    async *stream(uri, { signal } = {}) {
      signal?.throwIfAborted();
      const { bytes, size } = fileAt(uri);
      if (size > 0) yield bytes.slice(0, size);
    },
    create: async (uri) => {
      const key = placeOf(uri);
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      return {
        write: async (bytes) => void chunks.push(new Uint8Array(bytes)),
        commit: async () => put(key, new Uint8Array(await new Blob(chunks).arrayBuffer())),
        abort: async () => void chunks.splice(0),
      };
    },
    grow: async (uri) => {
      const key = placeOf(uri);
      if (!files.has(key)) put(key, new Uint8Array(0));
      return growing(uri, files.get(key)!);
    },
    makeFolder: async (uri) => {
      const names = keyOf(uri).split("/");
      for (const [i] of names.entries()) {
        const key = names.slice(0, i + 1).join("/");
        if (files.has(key)) throw new DataError("data/not-found", `${uri}: a part of the path is no folder.`);
        folders.add(key);
      }
    },
    move: async (from, to) => {
      const file = fileAt(from);
      files.set(placeOf(to), file);
      if (keyOf(from) !== keyOf(to)) files.delete(keyOf(from));
    },
    remove: async (uri) => {
      const key = keyOf(uri);
      const isGone = (other: string): boolean => other === key || other.startsWith(`${key}/`);
      for (const file of [...files.keys()].filter(isGone)) files.delete(file);
      for (const folder of [...folders].filter(isGone)) if (folder !== "") folders.delete(folder);
    },
    lock: async (uri, { signal, onWait } = {}) => {
      const key = keyOf(uri);
      if (locks.has(key)) onWait?.();
      for (let held = locks.get(key); held; held = locks.get(key)) await untilAborted(held, signal);
      let open = (): void => undefined;
      locks.set(key, new Promise<void>((resolve) => (open = resolve)));
      return async () => {
        locks.delete(key);
        open();
      };
    },
    join: (folder, ...names) => `memory:${[keyOf(folder), ...names].filter(Boolean).join("/")}`,
    resolve: (uri) => `memory:${keyOf(uri)}`,
    path: () => undefined,
  };
}

const keyOf = (uri: string): string =>
  uri
    .replace(/^memory:/i, "")
    .split("/")
    .filter((name) => name !== "")
    .join("/");
const parentOf = (key: string): string => key.slice(0, Math.max(key.lastIndexOf("/"), 0));
const nameOf = (key: string): string => key.slice(key.lastIndexOf("/") + 1);

function openBytes(uri: string, current: () => Uint8Array<ArrayBuffer>): OpenFile {
  const close = (): Promise<void> => Promise.resolve();
  return {
    name: uri,
    get size() {
      return current().byteLength;
    },
    async read(offset, length) {
      const bytes = current();
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
        throw endsEarly(uri, offset, length, bytes.byteLength);
      }
      // A copy, which may be transferred and changed.
      return bytes.slice(offset, offset + length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function growing(uri: string, file: StoredFile): GrowingFile {
  const opened = openBytes(uri, () => file.bytes.subarray(0, file.size));
  return {
    name: uri,
    get size() {
      return file.size;
    },
    read: (offset, length) => opened.read(offset, length),
    close: () => opened.close(),
    [Symbol.asyncDispose]: () => opened.close(),
    append: async (bytes) => {
      const size = file.size + bytes.byteLength;
      if (size > file.bytes.byteLength) {
        const larger = new Uint8Array(Math.max(size, 2 * file.bytes.byteLength));
        larger.set(file.bytes.subarray(0, file.size));
        file.bytes = larger;
      }
      file.bytes.set(bytes, file.size);
      file.size = size;
      file.modified = Date.now();
    },
    truncate: async (length) => {
      file.size = Math.min(file.size, length);
    },
    sync: () => Promise.resolve(),
  };
}

/** Waits, no longer than until the signal aborts. */
async function untilAborted(waited: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (!signal) return waited;
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener("abort", stop);
  });
  await Promise.race([waited, aborted]);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
}
