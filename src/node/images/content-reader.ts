import { readFile } from "node:fs/promises";
import type { ImageItem } from "../../data/index.ts";
import { openFileSource } from "../files/file-source.ts";
import type { OpenFile } from "../../storage/index.ts";
import { fileError } from "../files/file-system.ts";

/** Reads the bytes of images, keeping a few archives open. */
export interface ContentReader extends AsyncDisposable {
  /**
   * The encoded bytes of an image.
   *
   * @throws DataError when the file is missing, unreadable or shorter than when it was listed
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
export function contentReader(maxOpen = 8): ContentReader {
  // A Map keeps insertion order: the first is the least recently used.
  const archives = new Map<string, OpenArchive>();

  const acquire = (path: string): OpenArchive => {
    const archive = archives.get(path) ?? { source: openFileSource(path), readers: 0 };
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
      if (content.length === undefined) return readWhole(content.path, signal);
      return readFrom(content.path, content.offset ?? 0, content.length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The encoded bytes of one image; for many out of archives, {@link contentReader} opens each file once. */
export async function readContent(
  item: Pick<ImageItem, "content">,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = contentReader();
  try {
    return await reader.read(item, signal);
  } finally {
    await reader.close();
  }
}

async function readWhole(path: string, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFile(path, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
    throw fileError(path, cause);
  });
  // Small buffers share a pool, which must not be transferred to a worker.
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}
