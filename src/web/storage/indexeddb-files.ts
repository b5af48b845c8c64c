import type { BlobFiles } from "./blob-storage.ts";

interface StoredEntry {
  readonly key: string;
  readonly parent: string;
  /** Undefined for a folder. */
  readonly content: Blob | undefined;
  readonly modified: number;
}

/** Files in a database of the origin: for browsers, and windows, that have no private file system. */
export function indexedDbFiles(database = "ssl-resnext"): BlobFiles {
  let opened: Promise<IDBDatabase> | undefined;
  /** Runs one transaction; its result stands when it is complete. */
  const transaction = async <Value>(
    mode: IDBTransactionMode,
    work: (entries: IDBObjectStore) => Promise<Value>,
  ): Promise<Value> => {
    const connection = await (opened ??= open(database).catch((error: unknown) => {
      opened = undefined;
      throw error;
    }));
    const running = connection.transaction("entries", mode);
    const complete = new Promise<void>((resolve, reject) => {
      running.addEventListener("complete", () => resolve());
      running.addEventListener("abort", () =>
        reject(running.error ?? new Error("The transaction was aborted.")),
      );
    });
    complete.catch(() => undefined);
    try {
      const value = await work(running.objectStore("entries"));
      await complete;
      return value;
    } catch (error) {
      if (running.error === null) running.abort();
      throw error;
    }
  };

  const find = (entries: IDBObjectStore, key: string): Promise<StoredEntry | undefined> =>
    key === "" ? Promise.resolve(top) : result(entries.get(key) as IDBRequest<StoredEntry | undefined>);
  const requireFile = async (entries: IDBObjectStore, key: string): Promise<Blob> => {
    const entry = await find(entries, key);
    if (!entry) throw notFound();
    if (!entry.content) throw notAFile();
    return entry.content;
  };
  const requireFolder = async (entries: IDBObjectStore, key: string): Promise<void> => {
    const entry = await find(entries, key);
    if (!entry || entry.content) throw notFound();
  };
  const put = async (entries: IDBObjectStore, key: string, content: Blob): Promise<void> => {
    await requireFolder(entries, parentOf(key));
    const standing = await find(entries, key);
    if (standing && !standing.content) throw notAFile();
    await result(entries.put(entryOf(key, content)));
  };

  return {
    stat: (key) =>
      transaction("readonly", async (entries) => {
        const entry = await find(entries, key);
        if (!entry) return undefined;
        const { content, modified } = entry;
        return content
          ? { kind: "file", size: content.size, modified, identity: undefined }
          : { kind: "folder", size: 0, modified: 0, identity: undefined };
      }),
    list: (key) =>
      transaction("readonly", async (entries) => {
        await requireFolder(entries, key);
        const found = await result(entries.index("parent").getAll(key) as IDBRequest<StoredEntry[]>);
        return found.map((entry) => ({
          name: entry.key.slice(entry.key.lastIndexOf("/") + 1),
          kind: entry.content ? "file" : "folder",
        }));
      }),
    read: (key) => transaction("readonly", (entries) => requireFile(entries, key)),
    write: (key, content) => transaction("readwrite", (entries) => put(entries, key, content)),
    makeFolder: (key) =>
      transaction("readwrite", async (entries) => {
        const names = key.split("/");
        for (const [i] of names.entries()) {
          const folder = names.slice(0, i + 1).join("/");
          if ((await find(entries, folder))?.content) throw notFound();
          if (folder !== "") await result(entries.put(entryOf(folder, undefined)));
        }
      }),
    move: (from, to) =>
      transaction("readwrite", async (entries) => {
        const content = await requireFile(entries, from);
        await put(entries, to, content);
        if (from !== to) await result(entries.delete(from));
      }),
    remove: (key) =>
      transaction("readwrite", async (entries) => {
        if (key !== "") await result(entries.delete(key));
        // "0" follows "/": all keys below the folder lie between.
        await result(
          entries.delete(
            key === "" ? IDBKeyRange.lowerBound("") : IDBKeyRange.bound(`${key}/`, `${key}0`, false, true),
          ),
        );
      }),
  };
}

// As the private file system names them.
const notFound = (): DOMException => new DOMException("Nothing stands there.", "NotFoundError");
const notAFile = (): DOMException => new DOMException("It is a folder.", "TypeMismatchError");
const parentOf = (key: string): string => key.slice(0, Math.max(key.lastIndexOf("/"), 0));
const entryOf = (key: string, content: Blob | undefined): StoredEntry => ({
  key,
  parent: parentOf(key),
  content,
  modified: Date.now(),
});
/** The folder at the top is there from the beginning. */
const top: StoredEntry = { key: "", parent: "", content: undefined, modified: 0 };

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.addEventListener("upgradeneeded", () => {
    request.result.createObjectStore("entries", { keyPath: "key" }).createIndex("parent", "parent");
  });
  return result(request);
}

function result<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("The request failed.")));
  });
}
