import { DataError } from "../core/index.ts";

const reasons: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  ENOENT: ["data/not-found", "no such file or folder. Check the path"],
  ENOTDIR: ["data/not-found", "a part of the path is no folder. Check the path"],
  EROFS: ["data/permission", "the file system is read-only. Write elsewhere"],
  EACCES: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EPERM: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EISDIR: ["data/not-a-file", "a folder stands where a file was expected"],
  ELOOP: ["data/link-loop", "the symbolic links form a loop"],
  ENOSPC: ["data/disk-full", "the disk is full. Free some space, or write elsewhere"],
  EMFILE: ["data/too-many-files", 'too many open files. Raise the limit ("ulimit -n")'],
};

/** The DataError for what the operating system refused; other errors pass. */
export function fileError(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  const [code, reason] = reasons[String((cause as NodeJS.ErrnoException).code)] ?? [
    "data/unreadable",
    cause.message,
  ];
  return new DataError(code, `${path}: ${reason}.`, { cause });
}
