import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { writeBytes, type FileWriter, type StorageOptions } from "../../storage/index.ts";
import { attempt } from "./file-system.ts";

/** `writeBytes` at a path. @throws DataError when the system refuses; what the chunks throw passes through */
export const writeFileAtomic = (
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: StorageOptions,
): Promise<void> => writeBytes({ create: openAtomicFile }, path, chunks, options);

/**
 * Begins a file that stands beside its path under a temporary name, and at its path, flushed to disk, when it is
 * complete.
 *
 * @param name What errors call it. @default path
 * @throws DataError when the folder does not exist or may not be written to
 */
export async function openAtomicFile(path: string, name = path): Promise<FileWriter> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const handle = await attempt(name, () => open(temporary, "wx"));
  const discard = async (): Promise<void> => {
    // Closing twice does nothing.
    await handle.close();
    await rm(temporary, { force: true });
  };
  return {
    // writeFile goes on where the last write ended, and repeats short writes.
    write: (bytes) => attempt(name, () => handle.writeFile(bytes)),
    commit: () =>
      attempt(name, async () => {
        try {
          await handle.sync();
          await handle.close();
          await rename(temporary, path);
        } catch (error) {
          await discard().catch(() => undefined);
          throw error;
        }
      }),
    abort: () => attempt(name, discard),
  };
}
