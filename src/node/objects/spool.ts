import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, readdir, rename, rm, stat, statfs, utimes, type FileHandle } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { DataError, UsageError } from "../../core/index.ts";
import { endsEarly, type OpenFile } from "../../core/storage/index.ts";
import { isAlive, lockFile } from "../files/file-lock.ts";
import { attempt, isErrno } from "../files/file-system.ts";
import { rangeOf, type ObjectFacts, type ObjectSource } from "./object-source.ts";

/** Objects on disk while they are read: a bounded folder that all threads of a process share. */
export interface Spool {
  /** Whether an object of this size fits at all. */
  canHold(size: number): boolean;
  /** Fetches an object, unless it stands. Reading goes on when it has been removed meanwhile: it is fetched again. */
  open(source: ObjectSource, uri: string, facts: ObjectFacts, signal?: AbortSignal): Promise<OpenFile>;
  /** Fetches an object that is not read yet, unless others that are being read would have to go. */
  fetchAhead(source: ObjectSource, uri: string, facts: ObjectFacts, signal?: AbortSignal): Promise<void>;
  /** The same from its beginning. */
  stream(
    source: ObjectSource,
    uri: string,
    facts: ObjectFacts,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** An object that was fetched before and stands still. */
  standing(source: ObjectSource, uri: string, facts: ObjectFacts): Promise<OpenFile | undefined>;
}

export interface SpoolOptions {
  /** A folder that nothing else is kept in. */
  readonly folder: string;
  /** Bytes that are kept at most; what has not been read for longest makes room. */
  readonly limit: number;
}

/** Bytes of one range, and how many of them are asked for at once. */
const partBytes = 8 * 2 ** 20;
const parallelParts = 4;

/** Milliseconds without a read after which a file is closed, so that what is removed gives its room back. */
const closeAfter = 2000;
/** Milliseconds between the times at which a file under way is marked as read. */
const markEvery = 5000;
/** Milliseconds after which a part is one that nobody writes any longer. */
const leftBehindAfter = 60_000;

/** A spool in a folder. @throws DataError when the disk refuses, and as the source does */
export function openSpool({ folder, limit }: SpoolOptions): Spool {
  const pathOf = (uri: string, { version }: ObjectFacts): string =>
    join(folder, createHash("sha256").update(`${uri}\n${version}`).digest("hex").slice(0, 40));

  const fetched = async (
    source: ObjectSource,
    uri: string,
    facts: ObjectFacts,
    signal: AbortSignal | undefined,
    isAhead = false,
  ): Promise<string> => {
    const path = pathOf(uri, facts);
    if (await stands(path)) return path;
    const unlock = await lockFile(`${path}.lock`, { signal });
    const part = `${path}.part`;
    try {
      if (await stands(path)) return path;
      await rm(part, { force: true });
      const file = await attempt(uri, () => begin(part, facts.size, isAhead, signal));
      await download(source, uri, facts, file, signal);
      await rename(part, path);
      return path;
    } finally {
      await rm(part, { force: true });
      await unlock();
    }
  };

  /** Makes room for a file and takes it, one at a time. */
  const begin = async (
    part: string,
    size: number,
    isAhead: boolean,
    signal: AbortSignal | undefined,
  ): Promise<FileHandle> => {
    const unlock = await lockFile(join(folder, "room.lock"), { signal });
    try {
      await makeRoom(folder, size, limit, isAhead, signal);
      const file = await open(part, "wx");
      await file.truncate(size);
      return file;
    } finally {
      await unlock();
    }
  };

  const opened = (source: ObjectSource, uri: string, facts: ObjectFacts): OpenFile =>
    spooledFile(pathOf(uri, facts), uri, facts.size, () => fetched(source, uri, facts, undefined));

  return {
    canHold: (size) => size <= limit,
    async open(source, uri, facts, signal) {
      await fetched(source, uri, facts, signal);
      return opened(source, uri, facts);
    },
    async fetchAhead(source, uri, facts, signal) {
      await fetched(source, uri, facts, signal, true);
    },
    async *stream(source, uri, facts, signal) {
      await using file = await this.open(source, uri, facts, signal);
      for (let at = 0; at < file.size; at += streamChunk) {
        signal?.throwIfAborted();
        yield await file.read(at, Math.min(streamChunk, file.size - at));
      }
    },
    async standing(source, uri, facts) {
      return (await stands(pathOf(uri, facts))) ? opened(source, uri, facts) : undefined;
    },
  };
}

const streamChunk = 2 ** 20;

const stands = (path: string): Promise<boolean> =>
  utimes(path, new Date(), new Date()).then(
    () => true,
    () => false,
  );

/** Removes what was read longest ago until there is room, and waits where others are writing. */
async function makeRoom(
  folder: string,
  size: number,
  limit: number,
  isAhead: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const files = await filesIn(folder);
    const { bavail, bsize } = await statfs(folder);
    let room = Math.min(limit - files.reduce((sum, file) => sum + file.size, 0), bavail * bsize);
    for (const { path, size: freed, isPart, modified } of files.toSorted((a, b) => a.modified - b.modified)) {
      if (room >= size) return;
      const keptFor = isPart ? leftBehindAfter : isAhead ? 2 * markEvery : 0;
      if (Date.now() - modified < keptFor) continue;
      await rm(path, { force: true });
      room += freed;
    }
    if (room >= size) return;
    if (isAhead || !files.some(({ isPart }) => isPart)) {
      throw new DataError(
        "data/disk-full",
        `${folder}: an object of ${size} bytes is to be fetched, and ${Math.max(0, room)} are free there. Free some space, or set TMPDIR.`,
      );
    }
    await delay(200, undefined, signal && { signal });
  }
}

interface SpoolFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
  readonly isPart: boolean;
}

/** The files of a spool at one moment. */
async function filesIn(folder: string): Promise<readonly SpoolFile[]> {
  for (;;) {
    const names = await namesIn(folder);
    const files = await Promise.all(names.map((name) => fileIn(folder, name)));
    // A part that becomes an object meanwhile would be missed: it has another name then.
    const isStill = String(await namesIn(folder)) === String(names);
    if (isStill) return files.filter((file) => file !== undefined);
  }
}

const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => !name.endsWith(".lock")).sort();

async function fileIn(folder: string, name: string): Promise<SpoolFile | undefined> {
  const path = join(folder, name);
  const found = await stat(path).catch(() => undefined);
  return found && { path, size: found.size, modified: found.mtimeMs, isPart: name.endsWith(".part") };
}

/** Writes an object to a file, several ranges at once. */
async function download(
  source: ObjectSource,
  uri: string,
  facts: ObjectFacts,
  file: FileHandle,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  const forward = (): void => stop.abort(signal?.reason);
  signal?.addEventListener("abort", forward, { once: true });
  let next = 0;
  const fetchParts = async (): Promise<void> => {
    while (next < facts.size) {
      let at = next;
      next += partBytes;
      const range = { from: at, to: Math.min(next, facts.size) };
      for await (const chunk of rangeOf(source, uri, facts, range, stop.signal)) {
        // writeFile would go on where the last write of any range ended.
        for (let done = 0; done < chunk.byteLength;) {
          const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done, at + done);
          done += bytesWritten;
        }
        at += chunk.byteLength;
      }
    }
  };
  const parts = Array.from({ length: parallelParts }, fetchParts);
  try {
    await attempt(uri, () => Promise.all(parts));
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(parts);
    throw error;
  } finally {
    signal?.removeEventListener("abort", forward);
    await file.close();
  }
}

/** A file of the spool; it is open while it is read. @param again Brings it back when it was removed. */
function spooledFile(path: string, uri: string, size: number, again: () => Promise<unknown>): OpenFile {
  let opened: Promise<FileHandle> | undefined;
  let readers = 0;
  let marked = 0;
  let timer: NodeJS.Timeout | undefined;

  const reopen = async (): Promise<FileHandle> => {
    try {
      return await open(path);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      await again();
      return open(path);
    }
  };
  const close = async (): Promise<void> => {
    clearTimeout(timer);
    const file = opened;
    opened = undefined;
    await file?.then(
      (handle) => handle.close(),
      () => undefined,
    );
  };
  return {
    name: uri,
    size,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(uri, offset, length, size);
      clearTimeout(timer);
      readers++;
      try {
        if (Date.now() - marked > markEvery) {
          marked = Date.now();
          await stands(path);
        }
        const file = await attempt(uri, () => (opened ??= reopen()));
        const bytes = new Uint8Array(length);
        for (let filled = 0; filled < length;) {
          const { bytesRead } = await attempt(uri, () =>
            file.read(bytes, filled, Math.min(length - filled, 2 ** 30), offset + filled),
          );
          if (bytesRead === 0) throw endsEarly(uri, offset, length, offset + filled);
          filled += bytesRead;
        }
        return bytes;
      } finally {
        if (--readers === 0) timer = setTimeout(() => void close(), closeAfter).unref();
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Name of the folders of the processes of this machine. */
const folderName = `ssl-resnext-spool-${hostname()}-`;
let ofProcess: Spool | undefined;

/**
 * The spool of this process and its threads, in the system's temporary folder. `SSL_RESNEXT_SPOOL` bounds it.
 *
 * @throws UsageError `usage/spool`
 */
export function processSpool(env: NodeJS.ProcessEnv = process.env): Spool {
  if (ofProcess) return ofProcess;
  const folder = join(tmpdir(), `${folderName}${process.pid}`);
  const limit = parseBytes(env["SSL_RESNEXT_SPOOL"] ?? "20GB");
  if (isMainThread) {
    removeLeftBehind(folder);
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return (ofProcess = openSpool({ folder, limit }));
}

/**
 * Bounds the spool of this process and of those that it starts, before its first use.
 *
 * @param limit A size such as 20GB or 500MB.
 * @throws UsageError `usage/spool`
 */
export function boundSpool(limit: string): void {
  parseBytes(limit);
  process.env["SSL_RESNEXT_SPOOL"] = limit;
}

/** Takes away what processes left that are no more, and one of this one's number. */
function removeLeftBehind(own: string): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(folderName)) continue;
    const folder = join(tmpdir(), name);
    const pid = Number(name.slice(folderName.length));
    if (folder !== own && isAlive(pid)) continue;
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // It is another user's, who may take it away.
    }
  }
}

const factors = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** Bytes of a size such as 20GB or 500 MB. @throws UsageError `usage/spool` */
function parseBytes(text: string): number {
  const [, number = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*$/i.exec(text) ?? [];
  const bytes = Number(number) * factors[unit.toUpperCase() as keyof typeof factors];
  if (number !== "" && bytes >= 1) return Math.floor(bytes);
  throw new UsageError("usage/spool", `spool: expected a size such as 20GB or 500MB, received "${text}".`);
}
