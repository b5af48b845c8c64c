import type { HubProgress } from "./hub-events.ts";

/** Milliseconds after which an old rate counts for 1/e. */
const memory = 3000;

/** Turns byte counts into progress events at a bounded pace. */
export interface ProgressMeter {
  /** Reports `received` bytes; the last report of a download passes `final` and is never dropped. */
  report(received: number, final?: boolean): void;
}

export function progressMeter(
  about: Pick<HubProgress, "file" | "total"> & { readonly received: number },
  interval: number,
  emit: (event: HubProgress) => void,
): ProgressMeter {
  let last = { time: performance.now(), received: about.received };
  let rate: number | undefined;
  return {
    report(received, final = false) {
      const time = performance.now();
      const elapsed = time - last.time;
      if (elapsed < interval && !final) return;
      if (elapsed > 0) {
        const current = ((received - last.received) / elapsed) * 1000;
        const weight = Math.exp(-elapsed / memory);
        rate = rate === undefined ? current : weight * rate + (1 - weight) * current;
      }
      last = { time, received };
      emit({ type: "progress", file: about.file, received, total: about.total, rate: rate ?? 0 });
    },
  };
}
