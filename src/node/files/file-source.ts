import { open } from "node:fs/promises";
import { DataError, type ByteSource } from "../../core/index.ts";
import { fileError } from "./file-system.ts";

/** Bytes of one system call: Node refuses more than 2^31 - 1. */
const largestCall = 2 ** 30;

/** A file that stays open until it is closed. */
export interface FileSource extends ByteSource, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Opens a file for random access.
 *
 * @throws DataError `data/not-found`, `data/not-a-file`, `data/permission`, …; reading past its end, or past an end
 *   that has moved since, rejects with `data/truncated`
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      throw fileError(path, cause);
    }
  };
  const file = await attempt(() => open(path));
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new DataError("data/not-a-file", `${path}: expected a file, this is a folder or a device.`);
  }
  const { size } = stats;
  const close = (): Promise<void> => file.close();
  return {
    name: path,
    size,
    async read(offset, length) {
      // Before allocating: the length may be a damaged archive's claim.
      if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(path, offset, length, size);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const part = Math.min(length - filled, largestCall);
        const { bytesRead } = await attempt(() => file.read(bytes, filled, part, offset + filled));
        if (bytesRead === 0) throw endsEarly(path, offset, length, offset + filled);
        filled += bytesRead;
      }
      return bytes;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function endsEarly(path: string, offset: number, length: number, size: number): DataError {
  return new DataError(
    "data/truncated",
    `${path}: expected ${length} bytes at ${offset}, the file ends at ${size}. It was cut off or has changed since it was listed.`,
  );
}
