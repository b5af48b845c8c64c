import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes the compiled models of a folder that were not used for longest, until those that stay take so many bytes at most. Where
 * the system notes no times of reading, it goes by those of writing.
 *
 * Another process may be reading one: on Linux and macOS it keeps what it has opened, and Windows refuses to remove it, so that it
 * stays.
 *
 * @throws where the folder cannot be read
 */
export async function removeLeastUsed(folder: string, mostBytes: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".blob"));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may remove it meanwhile.
      const about = await stat(path).catch(() => undefined);
      return about && { path, size: about.size, used: Math.max(about.atimeMs, about.mtimeMs) };
    }),
  );
  let bytes = 0;
  for (const file of found.filter((each) => each !== undefined).sort((a, b) => b.used - a.used)) {
    bytes += file.size;
    if (bytes > mostBytes) await rm(file.path, { force: true }).catch(() => undefined);
  }
}
