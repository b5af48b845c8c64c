import { randomBytes } from "node:crypto";
import { fsync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, realpath, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { DataError, shownName, WeightsError } from "../../core/index.ts";
import { writeBytes, type FileWriter, type StorageOptions } from "../../core/storage/index.ts";

/** Runs what the system is asked to do at a path. @throws DataError, naming the path, when it refuses */
export async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** Whether a folder, or a link to one, stands at a path; what cannot be looked at is none. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Makes a folder and those above it, where they are missing.
 *
 * @throws DataError when it cannot be made.
 */
export function makeFolder(folder: string): Promise<void> {
  return attempt(folder, () => makeMissingFolders(folder));
}

/**
 * The same with the errors of the file system. One folder at a time, as Node's own `recursive` says ENOENT where a file
 * system is read-only (nodejs/node#47098), and never ends where a system answers ENOENT to the end, as below /proc.
 */
export async function makeMissingFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const parent = dirname(resolve(folder));
    if (isErrno(error, "ENOENT") && parent !== folder && !(await isFolder(parent))) {
      await makeMissingFolders(parent);
      await makeMissingFolders(folder);
    } else if (!(await isFolder(folder))) {
      throw error;
    }
  }
}

const reasons: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  ENOENT: ["data/not-found", "no such file or folder. Check the path"],
  ENOTDIR: ["data/not-found", "a part of the path is no folder. Check the path"],
  EROFS: ["data/permission", "the file system is read-only. Write elsewhere"],
  EACCES: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EPERM: ["data/permission", "permission denied. Check the rights of the file and of its folders"],
  EISDIR: ["data/not-a-file", "a folder stands where a file was expected"],
  ELOOP: ["data/link-loop", "the symbolic links form a loop"],
  ENOSPC: ["data/disk-full", "the disk is full. Free some space, or write elsewhere"],
  EDQUOT: ["data/disk-full", "the quota of the disk is used up. Free some space, or write elsewhere"],
  EMFILE: ["data/too-many-files", 'too many open files. Raise the limit ("ulimit -n")'],
};

/** The DataError for what the operating system refused; other errors pass. */
export function fileError(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  const [code, reason] = reasons[String((cause as NodeJS.ErrnoException).code)] ?? [
    "data/unreadable",
    cause.message,
  ];
  return new DataError(code, `${shownName(path)}: ${reason}.`, { cause });
}

/** Whether an error is the operating system's, with this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** Brings what was written to disk. By the file's number: Yarn's Plug'n'Play has no `FileHandle.sync`. */
export const flush = (file: FileHandle): Promise<void> => promisify(fsync)(file.fd);

/** `writeBytes` at a path. @throws DataError when the system refuses; what the chunks throw passes through */
export const writeFileAtomic = (
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: StorageOptions,
): Promise<void> => writeBytes({ create: openAtomicFile }, path, chunks, options);

/** A file under way of which bytes can still be changed. */
export interface AtomicFile extends FileWriter {
  /** Changes bytes that were written; more of them go on where the last ended. Devices and pipes have no such way. */
  readonly overwrite: ((position: number, bytes: Uint8Array) => Promise<void>) | undefined;
}

/**
 * Begins a file that stands beside its path under a temporary name, and at its path, flushed to disk, when it is
 * complete. Where the path is a link, the file that it leads to is the one that is replaced; a device or a pipe takes the bytes as they come.
 *
 * @param name What errors call it. @default path
 * @throws DataError when the folder does not exist or may not be written to
 */
export async function openAtomicFile(given: string, name = given): Promise<AtomicFile> {
  const standing = await stat(given).catch(() => undefined);
  if (standing && !standing.isFile() && !standing.isDirectory()) return openStream(given, name);
  const path = standing ? await attempt(name, () => realpath(given)) : given;
  const temporary = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const handle = await attempt(name, () => open(temporary, "wx"));
  const discard = async (): Promise<void> => {
    // Closing twice does nothing.
    await handle.close();
    await rm(temporary, { force: true });
  };
  return {
    // writeFile goes on where the last write ended, and repeats short writes.
    write: (bytes) => attempt(name, () => handle.writeFile(bytes)),
    overwrite: (position, bytes) =>
      attempt(name, async () => {
        await handle.write(bytes, 0, bytes.length, position);
      }),
    commit: () =>
      attempt(name, async () => {
        try {
          await flush(handle);
          await handle.close();
          await rename(temporary, path);
        } catch (error) {
          await discard().catch(() => undefined);
          throw error;
        }
      }),
    abort: () => attempt(name, discard),
  };
}

/** Removes what processes that were killed had begun of files of a folder, when nobody writes them any more. @param names Of the files. */
export function removeUnfinished(folder: string, names: ReadonlySet<string>): Promise<void> {
  return attempt(folder, async () => {
    for (const name of await readdir(folder)) {
      const [, of] = /^(.*)\.[\da-f]{12}\.partial$/s.exec(name) ?? [];
      if (of !== undefined && names.has(of)) await rm(join(folder, name), { force: true });
    }
  });
}

/** What is no file of a disk, and can be written to once. */
async function openStream(path: string, name: string): Promise<AtomicFile> {
  const handle = await attempt(name, () => open(path, "w"));
  const close = (): Promise<void> => attempt(name, () => handle.close());
  return {
    write: (bytes) => attempt(name, () => handle.writeFile(bytes)),
    overwrite: undefined,
    commit: close,
    abort: close,
  };
}

/** Makes a folder of its own in the system's temporary folder. @throws DataError where that cannot be used */
export function makeTemporaryFolder(name: string): Promise<string> {
  const folder = tmpdir();
  return attempt(`${folder}, the system's temporary folder (TMPDIR)`, () => mkdtemp(join(folder, name)));
}

/**
 * The folder of what is kept between runs: `SSL_RESNEXT_CACHE`, or one in the system's folder of caches.
 *
 * @throws WeightsError `weights/cache-unwritable` where the user has no home
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env["SSL_RESNEXT_CACHE"];
  if (chosen !== undefined && chosen !== "") return resolve(chosen);
  const name = "ssl-resnext";
  if (process.platform === "win32") {
    return join(env["LOCALAPPDATA"] || join(home(), "AppData", "Local"), name, "Cache");
  }
  if (process.platform === "darwin") return join(home(), "Library", "Caches", name);
  return join(env["XDG_CACHE_HOME"] || join(home(), ".cache"), name);
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new WeightsError(
      "weights/cache-unwritable",
      "There is no home folder to keep downloads in: this user has none, and HOME is not set. " +
        "SSL_RESNEXT_CACHE names another folder.",
      { cause },
    );
  }
}
