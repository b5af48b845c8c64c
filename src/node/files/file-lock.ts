import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { LockOptions } from "../../core/storage/index.ts";
import { isErrno } from "./file-system.ts";

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
  { signal, onWait }: LockOptions = {},
): Promise<() => Promise<void>> {
  const owner = JSON.stringify({ ...thisProcess(), id: randomUUID() });
  let waited = false;
  while (!(await create(path, owner))) {
    if (await removeLeftBehind(path)) continue;
    if (!waited) onWait?.();
    waited = true;
    await delay(pollInterval, undefined, signal && { signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
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
  try {
    await writeFile(path, owner, { flag: "wx" });
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

async function removeLeftBehind(path: string): Promise<boolean> {
  const owner = await ownerOf(path);
  if (owner === undefined) return true;
  if (!(await isLeftBehind(path, owner))) return false;
  // Renaming lets one of several waiting processes win.
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    const caught = await ownerOf(aside);
    // It may have caught a lock made meanwhile: that one goes back.
    if (caught !== undefined && caught !== owner) await create(path, caught);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  } finally {
    await rm(aside, { force: true });
  }
  return true;
}

async function isLeftBehind(path: string, owner: string): Promise<boolean> {
  if (isOfDeadProcess(owner)) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleAfter;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    throw error;
  }
}

/** What the statement of a lock says of its holder. */
export const thisProcess = (): { readonly pid: number; readonly host: string; readonly boot: string } => ({
  pid: process.pid,
  host: hostname(),
  boot: (bootId ??= existsSync(bootPath) ? readFileSync(bootPath, "utf8").trim() : ""),
});

/** What tells machines of one name apart, where the system has it: Linux numbers each start at random. */
const bootPath = "/proc/sys/kernel/random/boot_id";
let bootId: string | undefined;

/** Whether the statement of a lock is that of a process of this machine which is no more. */
export function isOfDeadProcess(owner: string): boolean {
  try {
    const own = thisProcess();
    const { pid, host, boot = own.boot } = JSON.parse(owner) as Readonly<Record<string, unknown>>;
    const isHere = host === own.host && boot === own.boot;
    return isHere && typeof pid === "number" && !isAlive(pid);
  } catch {
    // Its owner is still being written, or something else wrote it: age decides.
    return false;
  }
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
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
