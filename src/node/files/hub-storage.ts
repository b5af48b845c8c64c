import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import envPaths from "env-paths";
import { WeightsError } from "../../core/index.ts";
import type { HubStorage, PartialFile } from "../../weights/hub/index.ts";
import { lockFile } from "./file-lock.ts";
import { isErrno, makeMissingFolders } from "./file-system.ts";

/** The folder for downloaded weights: `SSL_RESNEXT_CACHE`, or the platform's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env["SSL_RESNEXT_CACHE"];
  return chosen === undefined || chosen === ""
    ? envPaths("ssl-resnext", { suffix: "" }).cache
    : resolve(chosen);
}

/** A hub cache in a folder, which is made when it is first written to. */
export function hubStorage(folder: string = cacheFolder()): HubStorage {
  const locate = (file: string): string => join(folder, file);
  const guard = explainCacheErrors(folder);

  return {
    locate,
    size: (file) =>
      guard(async () => {
        const found = await stat(locate(file)).catch(undefinedIfAbsent);
        return found?.isFile() === true ? found.size : undefined;
      }),
    list: () => guard(async () => (await readdir(folder).catch(undefinedIfAbsent)) ?? []),
    firstTime: (note) =>
      guard(async () => {
        await makeMissingFolders(folder);
        try {
          await writeFile(locate(note), "", { flag: "wx" });
          return true;
        } catch (error) {
          if (isErrno(error, "EEXIST")) return false;
          throw error;
        }
      }),
    claim: (file, options) =>
      guard(async () => {
        await makeMissingFolders(folder);
        const unlock = await lockFile(locate(`${file}.lock`), options);
        try {
          return await openPartialFile(locate(`${file}.partial`), locate(file), unlock, guard);
        } catch (error) {
          await unlock();
          throw error;
        }
      }),
  };
}

function undefinedIfAbsent(error: unknown): undefined {
  if (isErrno(error, "ENOENT")) return undefined;
  throw error;
}

/** Opens the unfinished file at `path`, which becomes `finished` when it is committed. */
async function openPartialFile(
  path: string,
  finished: string,
  unlock: () => Promise<void>,
  explain: ExplainCacheErrors,
): Promise<PartialFile> {
  const descriptionPath = `${path}.json`;
  const handle = await open(path, "a+");
  let { size } = await handle.stat();
  let description = await readFile(descriptionPath, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });

  return {
    name: path,
    get size() {
      return size;
    },
    get description() {
      return description;
    },
    read: (offset, length) =>
      explain(async () => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, offset);
        if (bytesRead === length) return bytes;
        throw new RangeError(`${path}: bytes ${offset}..${offset + length} lie outside its ${size} bytes.`);
      }),
    describe: (text) =>
      explain(async () => {
        await writeFile(descriptionPath, text);
        description = text;
      }),
    append: (bytes) =>
      explain(async () => {
        await handle.appendFile(bytes);
        size += bytes.byteLength;
      }),
    clear: () =>
      explain(async () => {
        if (size > 0) await handle.truncate(0);
        size = 0;
        description = undefined;
        await rm(descriptionPath, { force: true });
      }),
    commit: () =>
      explain(async () => {
        await handle.sync();
        await handle.close();
        await rename(path, finished);
        await rm(descriptionPath, { force: true });
      }),
    release: () =>
      explain(async () => {
        try {
          // Closing twice, after a commit, does nothing.
          await handle.close();
          if (size > 0) return;
          await rm(path, { force: true });
          await rm(descriptionPath, { force: true });
        } finally {
          await unlock();
        }
      }),
  };
}

/** Runs file operations of the cache; what the file system refuses becomes an error that says what to do. */
type ExplainCacheErrors = <T>(work: () => Promise<T>) => Promise<T>;

function explainCacheErrors(folder: string): ExplainCacheErrors {
  return async (work) => {
    try {
      return await work();
    } catch (error) {
      throw cacheError(folder, error);
    }
  };
}

/** Says what to do about an error of the file system; others pass. */
function cacheError(folder: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  if (isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT")) {
    return new WeightsError(
      "weights/cache-full",
      `${folder}: the disk is full (${error.message}). ` +
        "Free some space and run it again to resume, or set SSL_RESNEXT_CACHE to a folder on another disk.",
      { cause: error },
    );
  }
  return new WeightsError(
    "weights/cache-unwritable",
    `${folder}: the cache folder cannot be used (${error.message}). ` +
      "Check its permissions, or set SSL_RESNEXT_CACHE to another folder.",
    { cause: error },
  );
}
