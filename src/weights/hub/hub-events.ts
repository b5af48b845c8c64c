import type { WeightsError } from "../../core/index.ts";

/** What happens during a download, in order. */
export type HubEvent =
  /** The licence of the weights; comes once per cache, before the first download. */
  | { readonly type: "license"; readonly license: string; readonly notice: string; readonly url: string }
  /** Another process downloads the same file; this one waits for it. */
  | { readonly type: "waiting"; readonly file: string }
  /** Bytes begin to arrive; `received` were there already. */
  | {
      readonly type: "start";
      readonly file: string;
      readonly url: string;
      readonly received: number;
      readonly total: number | undefined;
    }
  | HubProgress
  /** An attempt failed and the next one begins after `delay` milliseconds. */
  | {
      readonly type: "retry";
      readonly url: string;
      readonly attempt: number;
      readonly delay: number;
      readonly error: WeightsError;
    }
  /** The first source is given up and the mirror is tried. */
  | {
      readonly type: "fallback";
      readonly from: string;
      readonly to: string;
      readonly error: WeightsError;
    }
  /** All bytes are there and agree with the checksum. */
  | { readonly type: "verified"; readonly file: string; readonly sha256: string }
  /** The file stands in the cache; `cached` when it stood there before. */
  | { readonly type: "done"; readonly path: string; readonly bytes: number; readonly cached: boolean };

/** How far a download is. */
export interface HubProgress {
  readonly type: "progress";
  readonly file: string;
  /** Bytes on disk, those of earlier runs included. */
  readonly received: number;
  /** Length of the whole file, or undefined when the server does not say. */
  readonly total: number | undefined;
  /** Bytes per second, smoothed over about three seconds. */
  readonly rate: number;
}

export type OnHubEvent = (event: HubEvent) => void;

/** What must be known before the weights are used. */
export const licenseNotice: Extract<HubEvent, { type: "license" }> = {
  type: "license",
  license: "CC-BY-NC-4.0",
  notice:
    "The weights are Facebook's (billion-scale semi-supervised learning, 2019), licensed under " +
    "CC-BY-NC 4.0: name the authors, and do not use them for commercial purposes.",
  url: "https://creativecommons.org/licenses/by-nc/4.0/",
};

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
