import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SelectionSummary } from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { summaryName } from "./summary-name.ts";

/**
 * What the selection in a folder took and left.
 *
 * @throws DataError when it cannot be read.
 */
export async function readSummary(folder: string): Promise<SelectionSummary> {
  const path = join(folder, summaryName);
  try {
    return JSON.parse(await readFile(path, "utf8")) as SelectionSummary;
  } catch (cause) {
    throw fileError(path, cause);
  }
}
