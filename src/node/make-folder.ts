import { mkdir } from "node:fs/promises";
import { fileError } from "./file-error.ts";

/**
 * Makes a folder and those above it, where they are missing.
 *
 * @throws DataError when it cannot be made.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError(folder, cause);
  }
}
