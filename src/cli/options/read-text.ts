import { readFile } from "node:fs/promises";
import { DataError, UsageError } from "../../core/index.ts";
import { fileError } from "../../node/files/file-system.ts";

/**
 * A small file that an option names.
 *
 * @throws UsageError `usage/unreadable-file` when it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const refusal = fileError(path, cause);
    if (refusal instanceof DataError)
      throw new UsageError("usage/unreadable-file", refusal.message, { cause });
    throw refusal;
  }
}

/** Class names of a file with one name a line. */
export async function readLabels(path: string): Promise<readonly string[]> {
  const lines = (await readText(path)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
