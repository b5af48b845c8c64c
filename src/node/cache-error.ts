import { WeightsError } from "../core/index.ts";
import { isErrno } from "./is-errno.ts";

/** Runs file operations of the cache; what the file system refuses becomes an error that says what to do. */
export type ExplainCacheErrors = <T>(work: () => Promise<T>) => Promise<T>;

export function explainCacheErrors(folder: string): ExplainCacheErrors {
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
