import { stat } from "node:fs/promises";

/** Whether a folder, or a link to one, stands at a path; what cannot be looked at is none. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
