import { DataError } from "../../core/index.ts";
import {
  httpStorage,
  memoryStorage,
  notFound,
  storageTable,
  type Storage,
  type StorageFor,
} from "../../core/storage/index.ts";
import { openBlob, storageOverBlobs, streamBlob } from "./blob-storage.ts";
import { indexedDbFiles } from "./indexeddb-files.ts";
import { opfsFiles } from "./opfs-files.ts";

/** Files of the origin private file system, as `opfs:folder/a.bin`. */
export const opfsStorage = (): Storage => storageOverBlobs("opfs", opfsFiles());

/** Files in a database of the origin, as `idb:folder/a.bin`. @param database @default "ssl-resnext" */
export const indexedDbStorage = (database?: string): Storage =>
  storageOverBlobs("idb", indexedDbFiles(database));

const urls = new WeakMap<Blob, string>();
/** Blobs by those names, whose URLs hold them anyway: fetching one reads all of its bytes. */
const blobs = new Map<string, Blob>();

/**
 * The name by which a File or Blob is found as long as the page is open, in its workers too; the same for each call. It ends
 * in the name of the file.
 */
export function blobUri(blob: Blob): string {
  const known = urls.get(blob);
  if (known !== undefined) return known;
  // What follows # finds no bytes; it is for people, and for what goes by the ending of a name.
  const uri = `${URL.createObjectURL(blob)}#/${"name" in blob ? String(blob.name) : "blob"}`;
  urls.set(blob, uri);
  blobs.set(uri, blob);
  return uri;
}

/** Files and Blobs that the page holds, by their object URLs: for reading. */
const blobUrlStorage: Storage = {
  async stat(uri) {
    const blob = await blobAt(uri).catch(() => undefined);
    return blob && { kind: "file", size: blob.size, modified: 0, identity: undefined };
  },
  // oxlint-disable-next-line require-yield
  async *list(uri) {
    throw new DataError("data/no-listing", `${uri}: a Blob is a file, and no folder.`);
  },
  open: async (uri) => openBlob(uri, await blobAt(uri)),
  async *stream(uri, { signal } = {}) {
    signal?.throwIfAborted();
    yield* streamBlob(uri, await blobAt(uri), signal);
  },
  create: readOnly,
  grow: readOnly,
  makeFolder: readOnly,
  move: readOnly,
  remove: readOnly,
  lock: readOnly,
  join: (folder, ...names) => [folder, ...names].join("/"),
  resolve: (uri) => uri,
  path: () => undefined,
};

async function blobAt(uri: string): Promise<Blob> {
  try {
    return blobs.get(uri) ?? (await (await fetch(uri)).blob());
  } catch {
    throw notFound(uri);
  }
}

function readOnly(uri: string): Promise<never> {
  return Promise.reject(new DataError("data/read-only", `${uri}: a Blob can only be read.`));
}

const http = httpStorage();

/** The storages of a browser by scheme; what has none is an address, relative to the page or the worker. */
export const browserStorageFor: StorageFor = storageTable(
  {
    http,
    https: http,
    data: http,
    blob: blobUrlStorage,
    opfs: opfsStorage(),
    idb: indexedDbStorage(),
    memory: memoryStorage(),
  },
  http,
);
