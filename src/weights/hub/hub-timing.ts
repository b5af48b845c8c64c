/** The patience of the hub; times in milliseconds. */
export interface HubTiming {
  /** An attempt ends when no byte comes for this long. @default 30000 */
  readonly stallTimeout: number;
  /** Attempts after the first that bring next to nothing before a source is given up. @default 5 */
  readonly retries: number;
  /** Delay before the first retry; doubles with each one. @default 500 */
  readonly firstDelay: number;
  /** Longest delay that the doubling reaches. @default 30000 */
  readonly longestDelay: number;
  /** A server that asks for more than this (Retry-After) is given up. @default 120000 */
  readonly longestRetryAfter: number;
  /** Least time between two progress events. @default 100 */
  readonly progressInterval: number;
}

export const defaultHubTiming: HubTiming = {
  stallTimeout: 30_000,
  retries: 5,
  firstDelay: 500,
  longestDelay: 30_000,
  longestRetryAfter: 120_000,
  progressInterval: 100,
};

/**
 * Delay before retry number `attempt` (from 0): doubles up to a cap, then a random half is taken off so
 * that many clients that failed together do not come back together.
 */
export function backOff(attempt: number, timing: HubTiming, random: () => number): number {
  const full = Math.min(timing.longestDelay, timing.firstDelay * 2 ** attempt);
  return full * (1 - random() / 2);
}

/** Waits; rejects with the signal's reason as soon as it aborts. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
