import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { fileError } from "./file-error.ts";

/** @throws DataError when there is nothing at the path, or it cannot be looked at. */
export async function statPath(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}
