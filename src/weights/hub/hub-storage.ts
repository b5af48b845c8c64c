import { DataError, WeightsError, type ByteSource } from "../../core/index.ts";
import { readText, writeText, type Storage } from "../../core/storage/index.ts";

/** The cache that the hub downloads into: a folder of a storage. */
export interface HubStorage {
  /** Where a file stands or would stand, as a path that people can use. */
  locate(file: string): string;
  /** Length in bytes of a finished file, or undefined when it is not there. */
  size(file: string): Promise<number | undefined>;
  /** The names of all finished files. */
  list(): Promise<readonly string[]>;
  /** Opens the partial file of a download for one writer at a time; waits while another one holds it. */
  claim(file: string, options: ClaimOptions): Promise<PartialFile>;
  /** True the first time it is called with this note, ever, for all who call it at that moment; false afterwards. */
  firstTime(note: string): Promise<boolean>;
}

interface ClaimOptions {
  /** Ends the wait for another writer. */
  readonly signal: AbortSignal | undefined;
  /** Called once when another writer holds the file. */
  readonly onWait: () => void;
}

/** The unfinished bytes of a download. */
export interface PartialFile extends ByteSource {
  /** What `describe` stored last: where the bytes came from. */
  readonly description: string | undefined;
  /** Stores a line of text beside the bytes. */
  describe(text: string): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Drops the bytes and their description; the file stays claimed. */
  clear(): Promise<void>;
  /** Makes the bytes the finished file, atomically. */
  commit(): Promise<void>;
  /** Lets the next writer in; what was neither committed nor cleared stays for a later resume. */
  release(): Promise<void>;
}

/**
 * Runs what the storage of a cache is asked to do: what the system refuses becomes an error that says what to do.
 *
 * @throws WeightsError `weights/cache-full`, `weights/cache-unwritable`; other errors pass
 */
export async function inCache<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DataError && error.cause instanceof Error)) throw error;
    const { message } = error.cause;
    const [code, text] =
      error.code === "data/disk-full"
        ? ["cache-full", `the disk is full (${message}). Free some space and run it again to resume`]
        : ["cache-unwritable", `the cache folder cannot be used (${message}). Check its permissions`];
    throw new WeightsError(
      `weights/${code}`,
      `${folder}: ${text}, or choose another folder (in Node, SSL_RESNEXT_CACHE names it).`,
      { cause: error.cause },
    );
  }
}

/** A hub cache in a folder, which is made when it is first written to. */
export function hubStorage(storage: Storage, folder: string): HubStorage {
  const explain: Explain = (work) => inCache(folder, work);
  const locate = (file: string): string => storage.join(folder, file);
  return {
    locate,
    size: (file) =>
      explain(async () => {
        const found = await storage.stat(locate(file));
        return found?.kind === "file" ? found.size : undefined;
      }),
    list: () =>
      explain(async () => {
        const names: string[] = [];
        if (!(await storage.stat(folder))) return names;
        for await (const { name } of storage.list(folder)) names.push(name);
        return names;
      }),
    firstTime: (note) =>
      explain(async () => {
        if (await storage.stat(locate(note))) return false;
        await storage.makeFolder(folder);
        await writeText(storage, locate(note), "");
        return true;
      }),
    claim: (file, options) =>
      explain(async () => {
        await storage.makeFolder(folder);
        const unlock = await storage.lock(locate(`${file}.lock`), options);
        try {
          return await openPartialFile(storage, locate(`${file}.partial`), locate(file), unlock, explain);
        } catch (error) {
          await unlock();
          throw error;
        }
      }),
  };
}

type Explain = <T>(work: () => Promise<T>) => Promise<T>;

/** Opens the unfinished file at `path`, which becomes `finished` when it is committed. */
async function openPartialFile(
  storage: Storage,
  path: string,
  finished: string,
  unlock: () => Promise<void>,
  explain: Explain,
): Promise<PartialFile> {
  const descriptionPath = `${path}.json`;
  let description = (await storage.stat(descriptionPath))
    ? await readText(storage, descriptionPath)
    : undefined;
  const file = await storage.grow(path);
  return {
    name: path,
    get size() {
      return file.size;
    },
    get description() {
      return description;
    },
    read: (offset, length) => explain(() => file.read(offset, length)),
    describe: (text) =>
      explain(async () => {
        await writeText(storage, descriptionPath, text);
        description = text;
      }),
    append: (bytes) => explain(() => file.append(bytes)),
    clear: () =>
      explain(async () => {
        if (file.size > 0) await file.truncate(0);
        description = undefined;
        await storage.remove(descriptionPath);
      }),
    commit: () =>
      explain(async () => {
        await file.sync();
        await file.close();
        await storage.move(path, finished);
        await storage.remove(descriptionPath);
      }),
    release: () =>
      explain(async () => {
        try {
          await file.close();
          if (file.size > 0) return;
          await storage.remove(path);
          await storage.remove(descriptionPath);
        } finally {
          await unlock();
        }
      }),
  };
}
