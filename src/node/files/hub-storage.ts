import { resolve } from "node:path";
import envPaths from "env-paths";
import { DataError, WeightsError } from "../../core/index.ts";
import { hubStorage as hubStorageOf, type HubStorage } from "../../weights/hub/index.ts";
import { fileStorage } from "./file-storage.ts";
import { isErrno } from "./file-system.ts";

/** The folder for downloaded weights: `SSL_RESNEXT_CACHE`, or the platform's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env["SSL_RESNEXT_CACHE"];
  return chosen === undefined || chosen === ""
    ? envPaths("ssl-resnext", { suffix: "" }).cache
    : resolve(chosen);
}

/** A hub cache in a folder on disk, which is made when it is first written to. */
export const hubStorage = (folder: string = cacheFolder()): HubStorage =>
  hubStorageOf(fileStorage, folder, explainCacheErrors(folder));

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
  const refusal = error instanceof DataError ? error.cause : error;
  if (!(refusal instanceof Error) || !("syscall" in refusal)) return error;
  if (isErrno(refusal, "ENOSPC") || isErrno(refusal, "EDQUOT")) {
    return new WeightsError(
      "weights/cache-full",
      `${folder}: the disk is full (${refusal.message}). ` +
        "Free some space and run it again to resume, or set SSL_RESNEXT_CACHE to a folder on another disk.",
      { cause: refusal },
    );
  }
  return new WeightsError(
    "weights/cache-unwritable",
    `${folder}: the cache folder cannot be used (${refusal.message}). ` +
      "Check its permissions, or set SSL_RESNEXT_CACHE to another folder.",
    { cause: refusal },
  );
}
