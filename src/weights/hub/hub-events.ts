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
