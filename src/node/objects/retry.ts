import { setTimeout as delay } from "node:timers/promises";
import { DataError } from "../../core/index.ts";

/** What may go well when it is tried again: a server that is busy, a connection that broke off or stands still. */
export class PassingFailure extends Error {
  /** What to say when it does not pass. */
  readonly error: DataError;

  constructor(error: DataError) {
    super(error.message);
    this.error = error;
  }
}

/** How often something is tried before its failure counts: 15 to 30 seconds, and what the tries themselves take. */
const tries = 10;

/** Milliseconds. */
const [firstPause, longestPause] = [100, 6000];

/**
 * Waits before the next try, longer each time and never the same.
 *
 * @throws what made it fail for good, and DataError `data/unavailable` after the last try: no other way is to be tried then
 */
export async function pauseAfter(
  failures: number,
  failure: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  if (!(failure instanceof PassingFailure)) throw failure;
  if (failures >= tries)
    throw new DataError("data/unavailable", failure.message, { cause: failure.error.cause });
  const pause = (0.5 + Math.random() / 2) * Math.min(longestPause, firstPause * 2 ** failures);
  await delay(pause, undefined, signal && { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
}

/** Runs an operation until it succeeds, or fails for good. */
export async function retrying<T>(operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await operation();
    } catch (error) {
      await pauseAfter(failures, error, signal);
    }
  }
}

/** Ends an exchange in which nothing comes for a while. */
export interface Watchdog {
  /** Aborts then, and when the caller's signal does. */
  readonly signal: AbortSignal;
  /** Something came: the wait begins anew. */
  alive(): void;
  /** Nothing is waited for. */
  rest(): void;
  end(): void;
}

/** @param after Milliseconds. */
export function watchdog(after: number, signal: AbortSignal | undefined): Watchdog {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const rest = (): void => clearTimeout(timer);
  const alive = (): void => {
    rest();
    timer = setTimeout(
      () => controller.abort(new Error(`nothing came for ${Math.round(after / 100) / 10} s`)),
      after,
    );
  };
  const forward = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", forward, { once: true });
  if (signal?.aborted === true) forward();
  alive();
  return {
    signal: controller.signal,
    alive,
    rest,
    end: () => {
      rest();
      signal?.removeEventListener("abort", forward);
    },
  };
}
