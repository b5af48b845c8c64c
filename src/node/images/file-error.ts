import { DataError } from "../../core/index.ts";

const reasons: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  ENOENT: ["data/not-found", "no such file or folder. Check the path"],
  ENOTDIR: ["data/not-found", "a part of the path is no folder. Check the path"],
  EACCES: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EPERM: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EISDIR: ["data/not-a-file", "a folder stands where a file was expected"],
  ELOOP: ["data/link-loop", "the symbolic links form a loop"],
  EMFILE: ["data/too-many-files", 'too many open files. Raise the limit ("ulimit -n")'],
};

/** The DataError for a failed file operation; other errors pass through. */
export function fileError(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("code" in cause) || typeof cause.code !== "string") return cause;
  // Aborts carry a code too and are no failure of the file.
  if (cause.name === "AbortError" || cause instanceof DataError) return cause;
  const [code, reason] = reasons[cause.code] ?? ["data/unreadable", cause.message];
  return new DataError(code, `${path}: ${reason}.`, { cause });
}
