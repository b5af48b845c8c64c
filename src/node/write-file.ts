import { randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface WriteFileOptions {
  /** Stops the writing; what was written is removed. */
  readonly signal?: AbortSignal;
}

/**
 * Writes a file so that it stands complete or not at all: into a temporary file of the same folder, flushed to
 * disk, then renamed. On failure or abort the temporary file is removed and an earlier file stays as it was.
 */
export async function writeFileAtomic(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal }: WriteFileOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  const file = await open(temporary, "wx");
  try {
    await writeAll(file, chunks, signal);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
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
        const { bytesWritten } = await file.write(chunk, written, chunk.byteLength - written);
        written += bytesWritten;
      }
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}
