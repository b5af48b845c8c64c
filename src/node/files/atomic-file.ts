import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { fileError } from "./file-system.ts";

interface WriteFileOptions {
  /** Stops the writing; what was written is removed. */
  readonly signal?: AbortSignal;
}

/**
 * Writes a file so that it stands complete or not at all: on failure or abort an earlier file stays as it was.
 *
 * @throws DataError when the system refuses; what the chunks throw passes through
 */
export async function writeFileAtomic(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal }: WriteFileOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const file = await openAtomicFile(path);
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      await file.write(chunk);
    }
    signal?.throwIfAborted();
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.commit();
}

/** A file under way: it stands beside its path under a temporary name, and at its path when it is complete. */
interface AtomicFile {
  /** @throws DataError when the system refuses, as when the disk is full */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Flushes to disk and takes the place of what stands at the path.
   *
   * @throws DataError when the system refuses; nothing is left behind then
   */
  commit(): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

/**
 * Begins a file that appears complete or not at all.
 *
 * @throws DataError when the folder does not exist or may not be written to
 */
export async function openAtomicFile(path: string): Promise<AtomicFile> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      throw fileError(path, cause);
    }
  };
  const handle = await attempt(() => open(temporary, "wx"));
  const discard = async (): Promise<void> => {
    // Closing twice does nothing.
    await handle.close();
    await rm(temporary, { force: true });
  };
  return {
    // writeFile goes on where the last write ended, and repeats short writes.
    write: (bytes) => attempt(() => handle.writeFile(bytes)),
    commit: () =>
      attempt(async () => {
        try {
          await handle.sync();
          await handle.close();
          await rename(temporary, path);
        } catch (error) {
          await discard().catch(() => undefined);
          throw error;
        }
      }),
    abort: () => attempt(discard),
  };
}
