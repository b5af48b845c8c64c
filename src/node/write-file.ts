import { openAtomicFile } from "./atomic-file.ts";

export interface WriteFileOptions {
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
