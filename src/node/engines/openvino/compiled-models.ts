import { access, constants, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { lockFile } from "../../files/file-lock.ts";
import { cacheFolder, makeFolder } from "../../files/file-system.ts";
import type { OpenVino, Pointer } from "./library.ts";

/** Most bytes of compiled models that are kept. */
const compiledBytes = 2e9;

/**
 * Lets OpenVINO keep what it compiles in the cache folder, where that can be written to. It writes there in place: of several threads
 * and processes that open models one compiles at a time, and nobody reads what another one has half written.
 *
 * @returns a function for when the model is compiled
 */
export async function keepCompiled(
  openVino: OpenVino,
  core: Pointer,
  device: string,
): Promise<() => Promise<void>> {
  const folder = join(cacheFolder(), "openvino");
  let unlock = (): Promise<void> => Promise.resolve();
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
    unlock = await lockFile(join(folder, ".lock"));
    await removeLeastUsed(folder, compiledBytes);
    openVino.setProperty(core, device, "CACHE_DIR", folder);
  } catch {
    // It is compiled anew each time.
  }
  return unlock;
}

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
