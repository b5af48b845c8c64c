import { readdir, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import envPaths from "env-paths";
import type { HubStorage } from "../weights/hub/index.ts";
import { explainCacheErrors } from "./cache-error.ts";
import { lockFile } from "./file-lock.ts";
import { isErrno } from "./is-errno.ts";
import { makeMissingFolders } from "./make-folder.ts";
import { openPartialFile } from "./partial-file.ts";

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
