import { open, type FileHandle } from "node:fs/promises";
import { DataError } from "../../core/index.ts";
import { endsEarly, type GrowingFile, type OpenFile, type StorageOptions } from "../../storage/index.ts";
import { attempt } from "./file-system.ts";

/** Bytes of one system call: Node refuses more than 2^31 - 1. */
const largestCall = 2 ** 30;

/** Bytes that are read at a time where a file is read from its beginning: most photographs in one piece. */
const streamChunk = 2 ** 20;

/**
 * Opens a file for random access.
 *
 * @param name What errors call it. @default path
 * @throws DataError `data/not-found`, `data/not-a-file`, `data/permission`, …; reading past its end, or past an end
 *   that has moved since, rejects with `data/truncated`
 */
export async function openFileSource(path: string, name = path): Promise<OpenFile> {
  const file = await attempt(name, () => open(path));
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new DataError("data/not-a-file", `${name}: expected a file, this is a folder or a device.`);
  }
  const { size } = stats;
  const close = (): Promise<void> => file.close();
  return {
    name,
    size,
    read: (offset, length) => readRange(file, name, offset, length, size),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Opens a file that is read and appended to, and makes it where it is missing. @throws DataError as `openFileSource` */
export async function openGrowingFile(path: string, name = path): Promise<GrowingFile> {
  const file = await attempt(name, () => open(path, "a+"));
  let { size } = await file.stat();
  const close = (): Promise<void> => file.close();
  return {
    name,
    get size() {
      return size;
    },
    read: (offset, length) => readRange(file, name, offset, length, size),
    append: (bytes) =>
      attempt(name, async () => {
        await file.appendFile(bytes);
        size += bytes.byteLength;
      }),
    truncate: (length) =>
      attempt(name, async () => {
        if (length >= size) return;
        await file.truncate(length);
        size = length;
      }),
    sync: () => attempt(name, () => file.sync()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readRange(
  file: FileHandle,
  name: string,
  offset: number,
  length: number,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Before allocating: the length may be a damaged archive's claim.
  if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(name, offset, length, size);
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const part = Math.min(length - filled, largestCall);
    const { bytesRead } = await attempt(name, () => file.read(bytes, filled, part, offset + filled));
    if (bytesRead === 0) throw endsEarly(name, offset, length, offset + filled);
    filled += bytesRead;
  }
  return bytes;
}

/** The bytes of a file, a pipe or a device, from the beginning. @throws DataError as `openFileSource` does */
export async function* streamFile(
  path: string,
  { signal }: StorageOptions = {},
  name = path,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  const file = await attempt(name, () => open(path));
  try {
    // Pipes, and files of /proc, say 0: they end where a read gives nothing.
    const { size } = await file.stat();
    const end = size === 0 ? Infinity : size;
    for (let position = 0; position < end;) {
      signal?.throwIfAborted();
      const bytes = new Uint8Array(Math.min(streamChunk, end - position));
      const { bytesRead } = await attempt(name, () => file.read(bytes, 0, bytes.byteLength, null));
      if (bytesRead === 0) return;
      yield bytesRead === bytes.byteLength ? bytes : bytes.subarray(0, bytesRead);
      position += bytesRead;
    }
  } finally {
    await file.close();
  }
}
