import { DataError, ImageError } from "../../core/index.ts";
import { readBytes, type OpenFile, type StorageFor } from "../../core/storage/index.ts";
import type { ImageItem } from "../image-source.ts";

/** Reads the bytes of images, keeping a few archives open. */
export interface ContentReader extends AsyncDisposable {
  /**
   * The encoded bytes of an image.
   *
   * @throws DataError when the file is missing, unreadable or shorter than when it was listed; ImageError `image/missing` where
   *   the data have none
   */
  read(item: Pick<ImageItem, "content">, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Closes the archives. */
  close(): Promise<void>;
}

interface OpenArchive {
  readonly source: Promise<OpenFile>;
  readers: number;
}

/** A reader that keeps up to `maxOpen` archives open, the least recently used one closing first. @default 8 */
export function contentReader(storageFor: StorageFor, maxOpen = 8): ContentReader {
  // A Map keeps insertion order: the first is the least recently used.
  const archives = new Map<string, OpenArchive>();

  const acquire = (path: string): OpenArchive => {
    const archive = archives.get(path) ?? { source: storageFor(path).open(path), readers: 0 };
    archives.delete(path);
    archives.set(path, archive);
    archive.readers++;
    return archive;
  };
  const release = async (path: string, archive: OpenArchive, failed: boolean): Promise<void> => {
    archive.readers--;
    if (failed && archives.get(path) === archive && archive.readers === 0) await closeArchive(path, archive);
    for (const [idlePath, idle] of archives) {
      if (archives.size <= maxOpen) return;
      if (idle.readers === 0) await closeArchive(idlePath, idle);
    }
  };
  const closeArchive = async (path: string, { source }: OpenArchive): Promise<void> => {
    archives.delete(path);
    await source.then(
      (opened) => opened.close(),
      () => undefined,
    );
  };

  const readFrom = async (path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const archive = acquire(path);
    let failed = true;
    try {
      const bytes = await (await archive.source).read(offset, length);
      failed = false;
      return bytes;
    } finally {
      await release(path, archive, failed);
    }
  };

  const close = async (): Promise<void> => {
    await Promise.all([...archives].map(([path, archive]) => closeArchive(path, archive)));
  };

  return {
    async read({ content }, signal) {
      signal?.throwIfAborted();
      if ("bytes" in content) return content.bytes;
      if ("missing" in content) throw new ImageError("image/missing", content.missing);
      if ("blob" in content) return readBlob(content.blob);
      if (content.length === undefined) return readBytes(storageFor(content.path), content.path, { signal });
      return readFrom(content.path, content.offset ?? 0, content.length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The encoded bytes of one image; for many out of archives, {@link contentReader} opens each file once. */
export async function readContent(
  storageFor: StorageFor,
  item: Pick<ImageItem, "content">,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = contentReader(storageFor);
  try {
    return await reader.read(item, signal);
  } finally {
    await reader.close();
  }
}

/** The bytes of a Blob. @throws DataError when the file behind it has changed or is gone */
export async function readBlob(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    const name = "name" in blob ? String(blob.name) : "an image";
    throw new DataError("data/unreadable", `${name}: the file has changed or is gone. Choose it again.`, {
      cause,
    });
  }
}
