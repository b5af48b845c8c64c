import type { BlobFiles } from "./blob-storage.ts";

/** Folder of files that are being written, at the top; no storage lists it. */
const unfinished = ".unfinished";

/** The origin private file system: real files, which only this origin sees. */
export function opfsFiles(): BlobFiles {
  const parentOf = async (key: string): Promise<{ folder: FileSystemDirectoryHandle; name: string }> => {
    const names = key.split("/");
    return { folder: await folderAt(names.slice(0, -1)), name: names.at(-1)! };
  };
  const fileAt = async (key: string): Promise<FileSystemFileHandle> => {
    const { folder, name } = await parentOf(key);
    return folder.getFileHandle(name);
  };

  return {
    async stat(key) {
      const folderEntry = { kind: "folder", size: 0, modified: 0, identity: undefined } as const;
      if (key === "") return folderEntry;
      try {
        const { size, lastModified } = await (await fileAt(key)).getFile();
        return { kind: "file", size, modified: lastModified, identity: undefined };
      } catch (error) {
        if (isNamed(error, "NotFoundError")) return undefined;
        if (isNamed(error, "TypeMismatchError")) return folderEntry;
        throw error;
      }
    },
    async list(key) {
      const folder = await folderAt(key === "" ? [] : key.split("/"));
      const found = [];
      for await (const [name, { kind }] of folder.entries()) {
        if (key === "" && name === unfinished) continue;
        found.push({ name, kind: kind === "directory" ? ("folder" as const) : ("file" as const) });
      }
      return found;
    },
    read: async (key) => (await fileAt(key)).getFile(),
    async write(key, content) {
      const { folder, name } = await parentOf(key);
      const bench = await folderAt([unfinished], { create: true });
      const written = await bench.getFileHandle(crypto.randomUUID(), { create: true });
      try {
        await fill(written, content);
        await written.move(folder, name);
      } catch (error) {
        await bench.removeEntry(written.name).catch(() => undefined);
        throw error;
      }
    },
    makeFolder: async (key) => void (await folderAt(key === "" ? [] : key.split("/"), { create: true })),
    async move(from, to) {
      const file = await fileAt(from);
      const { folder, name } = await parentOf(to);
      await file.move(folder, name);
    },
    async remove(key) {
      try {
        const { folder, name } = await parentOf(key);
        await folder.removeEntry(name, { recursive: true });
      } catch (error) {
        if (!isNamed(error, "NotFoundError")) throw error;
      }
    },
  };
}

declare global {
  interface FileSystemFileHandle {
    /** In all browsers with private files; the DOM's types lag behind. */
    move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
    /** In workers only. */
    createSyncAccessHandle?(): Promise<SyncAccessHandle>;
  }
}

interface SyncAccessHandle {
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

/**
 * Writes the whole of a new file: in a worker through a synchronous access handle, in a page, which has none, through a
 * stream. Both are the same to whoever reads: the file is moved to its name when it is whole.
 */
async function fill(file: FileSystemFileHandle, content: Blob): Promise<void> {
  if (!file.createSyncAccessHandle) {
    const stream = await file.createWritable();
    await content.stream().pipeTo(stream);
    return;
  }
  const handle = await file.createSyncAccessHandle();
  try {
    const reader = content.stream().getReader();
    for (let at = 0; ;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let rest = value; rest.length > 0;) {
        const written = handle.write(rest, { at });
        if (written === 0) throw new DOMException("Nothing more could be written.", "QuotaExceededError");
        at += written;
        rest = rest.subarray(written);
      }
    }
    handle.flush();
  } finally {
    handle.close();
  }
}

async function folderAt(
  names: readonly string[],
  options?: FileSystemGetDirectoryOptions,
): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const name of names) folder = await folder.getDirectoryHandle(name, options);
  return folder;
}

const isNamed = (error: unknown, name: string): boolean =>
  error instanceof DOMException && error.name === name;
