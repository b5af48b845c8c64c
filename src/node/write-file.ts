import { randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileError } from "./file-error.ts";

/** Bytes of one system call: Node refuses more than 2^31 - 1. */
const largestCall = 2 ** 30;

export interface WriteFileOptions {
  /** Stops the writing; what was written is removed. */
  readonly signal?: AbortSignal;
}

/**
 * Writes a file so that it stands complete or not at all: into a temporary file of the same folder, flushed to
 * disk, then renamed. On failure or abort the temporary file is removed and an earlier file stays as it was.
 *
 * @throws DataError when the system refuses; what the chunks throw passes through
 */
export async function writeFileAtomic(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal }: WriteFileOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx");
    await writeAll(file, chunks, signal);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(path, error);
  }
}

async function writeAll(
  file: FileHandle,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      for (let written = 0; written < chunk.byteLength;) {
        const { bytesWritten } = await file.write(
          chunk,
          written,
          Math.min(chunk.byteLength - written, largestCall),
        );
        written += bytesWritten;
      }
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}
