import { readFile } from "node:fs/promises";
import { UsageError } from "../core/index.ts";

/**
 * A small file that an option names.
 *
 * @throws UsageError `usage/unreadable-file` when it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError("usage/unreadable-file", `${path}: cannot be read (${reason}).`, { cause });
  }
}
