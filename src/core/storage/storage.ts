import type { ByteSource } from "../byte-source.ts";
import { DataError } from "../errors.ts";
import { decodeText } from "../text.ts";

/** What stands at a URI. */
export interface Entry {
  readonly kind: "file" | "folder";
  /** Bytes of a file; 0 for a folder, and where a server does not say. */
  readonly size: number;
  /** Milliseconds since 1970 when it was last changed; 0 where that is not known. */
  readonly modified: number;
  /** The same for all names of one folder, by which a loop of links is recognised; undefined where links do not exist. */
  readonly identity: string | undefined;
}

/** A name in a folder. */
export interface ListedEntry {
  readonly name: string;
  /** A link is not followed, as that takes a call for each; `stat` says what it leads to, if anything. */
  readonly kind: Entry["kind"] | "link";
}

/** A file that stays open until it is closed. */
export interface OpenFile extends ByteSource, AsyncDisposable {
  /** Closing twice does nothing. */
  close(): Promise<void>;
}

/** A file under way: it appears, complete, when it is committed. */
export interface FileWriter {
  /** @throws DataError when the storage refuses, as when it is full */
  write(bytes: Uint8Array): Promise<void>;
  /** Takes the place of what stands there. @throws DataError when the storage refuses; nothing is left behind then */
  commit(): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

/** A file that grows in place and may be read meanwhile: a log, an unfinished download. */
export interface GrowingFile extends OpenFile {
  append(bytes: Uint8Array): Promise<void>;
  /** Drops everything behind the first `length` bytes. */
  truncate(length: number): Promise<void>;
  /** Returns when the bytes will outlive the process and the machine. */
  sync(): Promise<void>;
}

export interface StorageOptions {
  /** Ends the operation with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface OpenOptions extends StorageOptions {
  /** Whether all of it is going to be read: where that is far away it is fetched at once. @default false */
  readonly whole?: boolean;
}

export interface LockOptions extends StorageOptions {
  /** Called once when another holder makes this one wait. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Files by name, wherever they are: on disk, behind HTTP, in object stores, in a browser's private files, in memory.
 *
 * Names are URIs or, in Node, paths. What is not there, or refused, is a DataError that names the URI: `data/not-found`,
 * `data/permission`, `data/not-a-file`, `data/disk-full`, `data/read-only`, `data/unreadable`; of object stores also
 * `data/no-bucket`, and `data/unavailable` where the server did not answer although it was tried again. Implementations pass one
 * suite, `test/contract/storage.ts`.
 */
export interface Storage {
  /** What stands at a URI; undefined when nothing does. */
  stat(uri: string): Promise<Entry | undefined>;
  /** The names in a folder, in no order. */
  list(uri: string, options?: StorageOptions): AsyncIterable<ListedEntry>;
  /** Opens a file for random access; reading past its end, or past an end that has moved, rejects with `data/truncated`. */
  open(uri: string, options?: OpenOptions): Promise<OpenFile>;
  /** Begins to fetch a file that will be read as a whole soon, where it is far away and there is room for it. */
  prepare?(uri: string, options?: StorageOptions): void;
  /** The bytes of a file from its beginning. */
  stream(uri: string, options?: StorageOptions): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Begins a file that appears complete or not at all, in a folder that exists; an earlier file stands until then. */
  create(uri: string): Promise<FileWriter>;
  /** Opens a file that grows in place; makes it, empty, where it is missing. */
  grow(uri: string): Promise<GrowingFile>;
  /** Makes a folder and those above it, where they are missing. */
  makeFolder(uri: string): Promise<void>;
  /** Gives a file another name of the same storage, in place of what stands there. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it; nothing happens when it is not there. */
  remove(uri: string): Promise<void>;
  /**
   * Takes a lock that one holder can have at a time, among all processes, tabs and threads; one left behind by a process
   * that died is taken over.
   *
   * @returns what gives the lock back
   */
  lock(uri: string, options?: LockOptions): Promise<() => Promise<void>>;
  /** The name of something below a folder. */
  join(folder: string, ...names: readonly string[]): string;
  /** The name that holds from anywhere: an absolute path, a full URL. */
  resolve(uri: string): string;
  /** Bytes that may still be written to a folder, or to where it will be made; left out, or undefined, where nobody knows. */
  free?(uri: string): Promise<number | undefined>;
  /** The path by which a program of the system finds the file (DuckDB, ONNX Runtime), where there is one. */
  path(uri: string): string | undefined;
}

/** Finds the storage of a URI by its scheme. */
export type StorageFor = (uri: string) => Storage;

/**
 * A table of storages by scheme (`https`, `memory`, …); what has no scheme of the table is a path, and `paths` has it.
 * A storage of another kind is one more row.
 *
 * @throws DataError `data/scheme`, when used, for a URL whose scheme is none of the table
 */
export function storageTable(
  schemes: Readonly<Record<string, Storage>>,
  paths: Storage | undefined,
): StorageFor {
  const table = new Map(Object.entries(schemes));
  return (uri) => {
    // Two letters at least: C:\photos is a path.
    const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase();
    const storage = scheme === undefined ? undefined : table.get(scheme);
    if (storage) return storage;
    // A colon in the name of a file makes no URL of it.
    if (paths && !isUrl(uri)) return paths;
    const known = [...[...table.keys()].map((name) => `${name}:`), ...(paths ? ["paths"] : [])].join(", ");
    throw new DataError("data/scheme", `${uri}: expected one of ${known}. Store the data in one of these.`);
  };
}

/** Whether a name is a URL with an authority, as `https://host/a.jpg` and `file:///a.jpg` are. */
export const isUrl = (uri: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(uri);

/** A name without the query of a URL; in `s3:` and `hf:`, which have none, question marks are part of the name. */
export const withoutQuery = (uri: string): string =>
  isUrl(uri) && !/^(s3|hf):/i.test(uri) ? uri.replace(/[?#].*$/, "") : uri;

/** The last part of a name, without the query of a URL. */
export const baseName = (uri: string): string => /[^/\\]*(?=[/\\]*$)/.exec(withoutQuery(uri))?.[0] ?? uri;

/** What stands at a URI. @throws DataError `data/not-found` when nothing does */
export async function existing(storage: Storage, uri: string): Promise<Entry> {
  const entry = await storage.stat(uri);
  if (!entry) throw notFound(uri);
  return entry;
}

/** What stands at a URI, as far as it can be seen. @throws DataError when all of a store is not there, or does not answer */
export async function seenAt(storage: Storage, uri: string): Promise<Entry | undefined> {
  try {
    return await storage.stat(uri);
  } catch (error) {
    if (error instanceof DataError && ["data/no-bucket", "data/unavailable"].includes(error.code))
      throw error;
    return undefined;
  }
}

/** The whole of a file, in a buffer of its own. @throws DataError as `Storage.stream` does */
export async function readBytes(
  storage: Pick<Storage, "stream">,
  uri: string,
  options?: StorageOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of storage.stream(uri, options)) chunks.push(chunk);
  const [first] = chunks;
  const isWhole = chunks.length === 1 && first?.byteLength === first?.buffer.byteLength;
  return isWhole ? first! : joinBytes(chunks);
}

/** Chunks in one new array. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** A file as text, in UTF-8 or UTF-16. */
export async function readText(storage: Storage, uri: string): Promise<string> {
  return decodeText(await readBytes(storage, uri));
}

/**
 * Writes a file so that it stands complete or not at all: on failure or abort an earlier file stays as it was.
 *
 * @throws DataError when the storage refuses; what the chunks throw passes through
 */
export async function writeBytes(
  storage: Pick<Storage, "create">,
  uri: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal }: StorageOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const file = await storage.create(uri);
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      await file.write(chunk);
    }
    signal?.throwIfAborted();
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.commit();
}

/** Writes text in UTF-8, as `writeBytes` does. */
export const writeText = (storage: Pick<Storage, "create">, uri: string, text: string): Promise<void> =>
  writeBytes(storage, uri, [new TextEncoder().encode(text)]);

/** Bytes of the files in a folder, without those in folders below it; 0 where nothing stands. */
export async function folderBytes(storage: Storage, folder: string): Promise<number> {
  if ((await storage.stat(folder))?.kind !== "folder") return 0;
  let bytes = 0;
  for await (const { name, kind } of storage.list(folder)) {
    if (kind === "file") bytes += (await storage.stat(storage.join(folder, name)))?.size ?? 0;
  }
  return bytes;
}

/**
 * Makes sure that there is room for what is to be written.
 *
 * @param bytes About what it will take, at most at any moment.
 * @param what Says what is to be written: "the run".
 * @throws DataError `data/disk-full` with both numbers.
 */
export async function checkSpace(
  storage: Storage,
  folder: string,
  bytes: number,
  what: string,
): Promise<void> {
  const free = await storage.free?.(folder);
  if (free === undefined || free >= bytes) return;
  const megabytes = (value: number): string => `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} MB`;
  throw new DataError(
    "data/disk-full",
    `${folder}: ${what} takes about ${megabytes(bytes)}, and ${megabytes(free)} are free there. Free some space, or write elsewhere.`,
  );
}

/** Nothing stands at a URI: `data/not-found`. */
export const notFound = (uri: string): DataError =>
  new DataError("data/not-found", `${uri}: no such file or folder. Check the path.`);

/** A folder stands where a file was expected: `data/not-a-file`. */
export const notAFile = (uri: string): DataError =>
  new DataError("data/not-a-file", `${uri}: a folder stands where a file was expected.`);

/** A range reaches past the end of a file that ends at `size`: `data/truncated`. */
export const endsEarly = (uri: string, offset: number, length: number, size: number): DataError =>
  new DataError(
    "data/truncated",
    `${uri}: expected ${length} bytes at ${offset}, the file ends at ${size}. It was cut off or has changed since it was listed.`,
  );
