import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { fileError } from "../file-error.ts";

/**
 * Lets another program write a file at a temporary path beside `path`, and puts it there when it is complete; on
 * failure nothing is left behind, and an earlier file stays as it was.
 *
 * @throws DataError when the system refuses, the folder not being there or not to be written to; what `write` throws
 *   passes through
 */
export async function throughPartialPath<T>(
  path: string,
  write: (partial: string) => Promise<T>,
): Promise<T> {
  const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
  try {
    // Shows at once whether the folder can be written to.
    await (await open(partial, "wx")).close();
    const result = await write(partial);
    const file = await open(partial, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return result;
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileError(path, cause);
  }
}
