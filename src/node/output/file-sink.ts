import { open, rename, rm } from "node:fs/promises";
import { fileError } from "../file-error.ts";
import type { ByteSink } from "./byte-sink.ts";

// Rows are short: gathered, they cost one system call instead of a hundred.
const bufferSize = 256 * 1024;

/**
 * A sink on a file: written beside it under a temporary name, renamed over it when closed.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function fileSink(path: string): Promise<ByteSink> {
  const temporary = `${path}.${process.pid}-${crypto.randomUUID().slice(0, 8)}.partial`;
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      throw fileError(path, cause);
    }
  };
  const handle = await attempt(() => open(temporary, "wx"));
  let gathered: Uint8Array[] = [];
  let length = 0;

  const flush = async (): Promise<void> => {
    const parts = gathered;
    gathered = [];
    length = 0;
    // writeFile goes on where the last write ended and repeats short writes.
    if (parts.length > 0) await handle.writeFile(Buffer.concat(parts));
  };
  const abort = async (): Promise<void> => {
    await handle.close();
    await rm(temporary, { force: true });
  };
  return {
    async write(chunk) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      gathered.push(bytes);
      length += bytes.byteLength;
      if (length >= bufferSize) await attempt(flush);
    },
    async close() {
      try {
        await flush();
        await handle.sync();
        await handle.close();
        await rename(temporary, path);
      } catch (cause) {
        await abort().catch(() => undefined);
        throw fileError(path, cause);
      }
    },
    abort: () => attempt(abort),
    readerGone: false,
  };
}
