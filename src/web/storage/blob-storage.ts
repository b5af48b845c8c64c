import { blobSource, DataError } from "../../core/index.ts";
import {
  endsEarly,
  type Entry,
  type GrowingFile,
  type OpenFile,
  type Storage,
} from "../../core/storage/index.ts";

/** Files of a browser, each of them a Blob: what `storageOverBlobs` makes a storage of. Keys are paths without scheme. */
export interface BlobFiles {
  stat(key: string): Promise<Entry | undefined>;
  list(key: string): Promise<readonly { readonly name: string; readonly kind: Entry["kind"] }[]>;
  /** The file as it is; what is not there is an error. */
  read(key: string): Promise<Blob>;
  /** Puts a whole file in place of what stands there, at once. */
  write(key: string, content: Blob): Promise<void>;
  makeFolder(key: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Bytes that a growing file keeps in memory before it writes, unless what is written is more. */
const smallestFlush = 8 << 20;

/**
 * A storage over the files of a browser. Locks are the browser's own, among all tabs and workers of the origin.
 *
 * A growing file is written anew when it has doubled, when it is synced and when it is closed.
 *
 * @param scheme As in `opfs:folder/a.bin`; slashes after it do not count.
 */
export function storageOverBlobs(scheme: string, files: BlobFiles): Storage {
  const keyOf = (uri: string): string =>
    (uri.toLowerCase().startsWith(`${scheme}:`) ? uri.slice(scheme.length + 1) : uri)
      .split("/")
      .filter((name) => name !== "")
      .join("/");
  const resolve = (uri: string): string => `${scheme}:${keyOf(uri)}`;
  /** What the browser refuses, as an error that names the file. */
  const attempt = async <Value>(uri: string, work: (key: string) => Promise<Value>): Promise<Value> => {
    try {
      return await work(keyOf(uri));
    } catch (cause) {
      throw cause instanceof DataError ? cause : storageError(uri, cause);
    }
  };
  const read = (uri: string): Promise<Blob> => attempt(uri, (key) => files.read(key));
  const write = (uri: string, content: Blob): Promise<void> =>
    attempt(uri, (key) => files.write(key, content));
  const requireFolder = async (uri: string): Promise<void> => {
    const parent = keyOf(uri).split("/").slice(0, -1).join("/");
    if (parent !== "") await attempt(uri, () => files.list(parent));
  };

  return {
    stat: (uri) => attempt(uri, (key) => files.stat(key)),
    async *list(uri, { signal } = {}) {
      signal?.throwIfAborted();
      yield* await attempt(uri, (key) => files.list(key));
    },
    open: async (uri) => openBlob(uri, await read(uri)),
    async *stream(uri, { signal } = {}) {
      signal?.throwIfAborted();
      yield* streamBlob(uri, await read(uri), signal);
    },
    async create(uri) {
      await requireFolder(uri);
      const chunks: Blob[] = [];
      return {
        // A Blob is the browser's to keep, on disk if it is large.
        write: async (bytes) => void chunks.push(new Blob([new Uint8Array(bytes)])),
        commit: () => write(uri, new Blob(chunks)),
        abort: async () => void chunks.splice(0),
      };
    },
    async grow(uri) {
      const standing = await attempt(uri, (key) => files.stat(key));
      if (!standing) {
        await requireFolder(uri);
        await write(uri, new Blob([]));
      }
      return growing(uri, await read(uri), {
        read: () => read(uri),
        write: (content) => write(uri, content),
      });
    },
    makeFolder: (uri) => attempt(uri, (key) => files.makeFolder(key)),
    move: (from, to) => attempt(from, (key) => files.move(key, keyOf(to))),
    remove: (uri) => attempt(uri, (key) => files.remove(key)),
    lock: (uri, options) => holdLock(`ssl-resnext ${resolve(uri)}`, options),
    join: (folder, ...names) => resolve([keyOf(folder), ...names].join("/")),
    resolve,
    path: () => undefined,
  };
}

/** A Blob as a file that is open. */
export function openBlob(uri: string, blob: Blob): OpenFile {
  const source = blobSource(uri, blob);
  const close = (): Promise<void> => Promise.resolve();
  return {
    name: uri,
    size: blob.size,
    async read(offset, length) {
      if (offset < 0 || offset + length > blob.size) throw endsEarly(uri, offset, length, blob.size);
      try {
        return await source.read(offset, length);
      } catch (cause) {
        throw storageError(uri, cause);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The bytes of a Blob, piece by piece. */
export async function* streamBlob(
  uri: string,
  blob: Blob,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw storageError(uri, cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function growing(
  uri: string,
  stored: Blob,
  file: { readonly read: () => Promise<Blob>; readonly write: (content: Blob) => Promise<void> },
): GrowingFile {
  let written = stored;
  let waiting: Uint8Array<ArrayBuffer>[] = [];
  let waitingBytes = 0;
  const whole = (): Blob => new Blob([written, ...waiting]);
  const flush = async (content: Blob): Promise<void> => {
    if (content.size === written.size && waitingBytes === 0) return;
    await file.write(content);
    written = await file.read();
    waiting = [];
    waitingBytes = 0;
  };
  const close = (): Promise<void> => flush(whole());
  return {
    name: uri,
    get size() {
      return written.size + waitingBytes;
    },
    read: (offset, length) => openBlob(uri, whole()).read(offset, length),
    async append(bytes) {
      waiting.push(new Uint8Array(bytes));
      waitingBytes += bytes.byteLength;
      if (waitingBytes >= Math.max(smallestFlush, written.size)) await flush(whole());
    },
    truncate: (length) =>
      length < written.size + waitingBytes ? flush(whole().slice(0, length)) : Promise.resolve(),
    sync: () => flush(whole()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function holdLock(
  name: string,
  { signal, onWait }: NonNullable<Parameters<Storage["lock"]>[1]> = {},
): Promise<() => Promise<void>> {
  signal?.throwIfAborted();
  return (await request(name, { ifAvailable: true })) ?? waitForLock();

  async function waitForLock(): Promise<() => Promise<void>> {
    onWait?.();
    signal?.throwIfAborted();
    return (await request(name, signal ? { signal } : {}))!;
  }
}

/** Takes a lock of the browser and returns what gives it back; undefined where it is not available. */
function request(name: string, options: LockOptions): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const released = navigator.locks.request(name, options, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((giveBack) => {
        resolve(async () => {
          giveBack();
          await released;
        });
      });
    });
    released.catch(reject);
  });
}

/** What a browser's storage threw, as an error that names the file and says what to do. */
function storageError(uri: string, cause: unknown): DataError {
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  const [code, what] = errors[name] ?? ["data/unreadable", `it cannot be used (${message}).`];
  return new DataError(code, `${uri}: ${what}`, { cause });
}

const errors: Readonly<Record<string, readonly [code: string, what: string]>> = {
  NotFoundError: ["data/not-found", "no such file or folder. Check the path."],
  TypeMismatchError: [
    "data/not-a-file",
    "a folder stands where a file was expected, or the other way round.",
  ],
  QuotaExceededError: [
    "data/disk-full",
    "the browser grants this origin no more room. Free some, or ask for it with navigator.storage.persist().",
  ],
  NotReadableError: ["data/unreadable", "the file has changed since it was opened. Open it again."],
  SecurityError: ["data/permission", "the browser grants this page no storage, as in some private windows."],
  NotAllowedError: ["data/permission", "the browser grants this page no access."],
};
