import { join } from "node:path";
import { fileError } from "../file-error.ts";
import { lockFile } from "../file-lock.ts";
import type { WaitingEvent } from "./events.ts";

/**
 * Takes the folder of a run for this process; says so when it has to wait for another one.
 *
 * @returns a function that gives the folder back.
 * @throws DataError when the folder cannot be written to.
 */
export async function* lockRun(
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<WaitingEvent, () => Promise<void>, undefined> {
  const ended = new AbortController();
  let says!: () => void;
  const waits = new Promise<void>((resolve) => {
    says = resolve;
  });
  const lock = lockFile(join(folder, ".lock"), {
    signal: signal ? AbortSignal.any([signal, ended.signal]) : ended.signal,
    onWait: says,
  });
  let taken = false;
  try {
    if ((await Promise.race([lock, waits])) === undefined) yield { type: "waiting", folder };
    const unlock = await lock;
    taken = true;
    return unlock;
  } catch (cause) {
    throw fileError(folder, cause);
  } finally {
    if (!taken) {
      ended.abort();
      await lock.then(
        (unlock) => unlock(),
        () => undefined,
      );
    }
  }
}
