import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { isErrno } from "./is-errno.ts";

/** Milliseconds without a sign of life after which a lock counts as left behind. */
const staleAfter = 60_000;
const pollInterval = 150;

/**
 * Takes a lock between processes: a file that only one of them can create. Locks of processes that died
 * are taken over, at once on the same machine, after a minute without a sign of life elsewhere.
 *
 * @returns a function that gives the lock back
 */
export async function lockFile(
  path: string,
  options: { readonly signal: AbortSignal | undefined; readonly onWait: () => void },
): Promise<() => Promise<void>> {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  for (let waited = false; !(await create(path, owner)); waited = true) {
    if (!waited) options.onWait();
    if (await removeLeftBehind(path)) continue;
    await delay(pollInterval, undefined, options.signal && { signal: options.signal }).catch(
      (error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      },
    );
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // A lock that is gone was taken over: the checksum and the atomic rename still protect the file.
    utimes(path, now, now).catch(() => undefined);
  }, staleAfter / 4);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    if ((await ownerOf(path)) === owner) await rm(path, { force: true });
  };
}

async function create(path: string, owner: string): Promise<boolean> {
  // Written aside and linked, so that nobody ever reads a lock without its owner.
  const aside = `${path}.${randomUUID()}`;
  try {
    await writeFile(aside, owner);
    await link(aside, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function removeLeftBehind(path: string): Promise<boolean> {
  const owner = await ownerOf(path);
  if (owner === undefined) return true;
  if (!(await isLeftBehind(path, owner))) return false;
  // Renaming lets one of several waiting processes win; it may still have caught a lock made meanwhile.
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await ownerOf(aside)) !== owner) await link(aside, path);
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "EEXIST")) throw error;
  } finally {
    await rm(aside, { force: true });
  }
  return true;
}

async function isLeftBehind(path: string, owner: string): Promise<boolean> {
  try {
    const { pid, host } = JSON.parse(owner) as { pid?: unknown; host?: unknown };
    if (host === hostname() && typeof pid === "number" && !isAlive(pid)) return true;
    return Date.now() - (await stat(path)).mtimeMs > staleAfter;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return true;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
}

async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
