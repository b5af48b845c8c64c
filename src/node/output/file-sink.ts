import { openAtomicFile } from "../atomic-file.ts";
import type { ByteSink } from "./byte-sink.ts";

// Rows are short: gathered, they cost one system call instead of a hundred.
const bufferSize = 256 * 1024;

/**
 * A sink on a file, which appears when it is closed.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function fileSink(path: string): Promise<ByteSink> {
  const file = await openAtomicFile(path);
  let gathered: Uint8Array[] = [];
  let length = 0;

  const flush = async (): Promise<void> => {
    const parts = gathered;
    gathered = [];
    length = 0;
    if (parts.length > 0) await file.write(Buffer.concat(parts));
  };
  return {
    async write(chunk) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      gathered.push(bytes);
      length += bytes.byteLength;
      if (length >= bufferSize) await flush();
    },
    async close() {
      try {
        await flush();
      } catch (error) {
        await file.abort();
        throw error;
      }
      await file.commit();
    },
    abort: () => file.abort(),
    readerGone: false,
  };
}
