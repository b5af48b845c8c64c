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
 * Removes the compiled models of a folder that were not used for longest, until those that stay take so many bytes at most. All that
 * OpenVINO writes there counts, such as a GPU's kernels beside a model; what bears one name goes as a whole. Where the system notes no
 * times of reading, it goes by those of writing.
 *
 * Another process may be reading one: on Linux and macOS it keeps what it has opened, and Windows refuses to remove it, so that it
 * stays.
 *
 * @throws where the folder cannot be read
 */
export async function removeLeastUsed(folder: string, mostBytes: number): Promise<void> {
  // A name with a dot before it is that of the lock.
  const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
  const stemOf = (name: string): string => name.split(".")[0]!;
  const entries = await Promise.all(
    [...new Set(names.map(stemOf))].map((stem) =>
      entryOf(names.filter((name) => stemOf(name) === stem).map((name) => join(folder, name))),
    ),
  );
  let bytes = 0;
  for (const { paths, size } of entries.sort((a, b) => b.used - a.used)) {
    bytes += size;
    if (bytes <= mostBytes) continue;
    for (const path of paths) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Files or folders that belong together. */
interface Entry {
  readonly paths: readonly string[];
  /** Bytes of all files. */
  readonly size: number;
  /** When one of them was read or written last. */
  readonly used: number;
}

async function entryOf(paths: readonly string[]): Promise<Entry> {
  let [size, used] = [0, 0];
  for (const path of paths) {
    // Another process may remove it meanwhile; of a file there is nothing to list.
    const inside = await readdir(path, { recursive: true }).catch(() => []);
    for (const each of [path, ...inside.map((name) => join(path, name))]) {
      const about = await stat(each).catch(() => undefined);
      if (!about?.isFile()) continue;
      size += about.size;
      used = Math.max(used, about.atimeMs, about.mtimeMs);
    }
  }
  return { paths, size, used };
}
