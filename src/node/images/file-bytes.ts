import { open, type FileHandle } from "node:fs/promises";
import { DataError, type ByteSource } from "../../core/index.ts";
import { fileError } from "./file-error.ts";

/** A file that stays open until it is closed. */
export interface FileBytes extends ByteSource, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Opens a file for random access.
 *
 * @throws DataError when it does not exist or cannot be read
 */
export async function openFileBytes(path: string): Promise<FileBytes> {
  const handle = await attempt(path, () => open(path, "r"));
  const size = await attempt(path, async () => (await handle.stat()).size);
  const close = (): Promise<void> => handle.close();
  return {
    name: path,
    size,
    read: (offset, length) => readRange(handle, path, offset, length),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Reads exactly `length` bytes at `offset`. */
export async function readRange(
  handle: FileHandle,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Asked before allocating: the length may be a damaged archive's claim.
  const { size } = await attempt(path, () => handle.stat());
  if (offset + length > size) throw endsEarly(path, offset, length, size);
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await attempt(path, () => handle.read(bytes, done, length - done, offset + done));
    if (bytesRead === 0) throw endsEarly(path, offset, length, offset + done);
    done += bytesRead;
  }
  return bytes;
}

function endsEarly(path: string, offset: number, length: number, size: number): DataError {
  return new DataError(
    "data/truncated",
    `${path}: expected ${length} bytes at ${offset}, the file ends at ${size}. It was cut off or has changed since it was listed.`,
  );
}

async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw fileError(path, cause);
  }
}
