import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileError } from "./file-error.ts";
import { isErrno } from "./is-errno.ts";
import { isFolder } from "./is-folder.ts";

/**
 * Makes a folder and those above it, where they are missing.
 *
 * @throws DataError when it cannot be made.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeMissingFolders(folder);
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/**
 * The same with the errors of the file system. One folder at a time, as Node's own `recursive` says ENOENT where a file
 * system is read-only (nodejs/node#47098), and never ends where a system answers ENOENT to the end, as below /proc.
 */
export async function makeMissingFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const parent = dirname(resolve(folder));
    if (isErrno(error, "ENOENT") && parent !== folder && !(await isFolder(parent))) {
      await makeMissingFolders(parent);
      await makeMissingFolders(folder);
    } else if (!(await isFolder(folder))) {
      throw error;
    }
  }
}
