import { bar } from "./bar.ts";
import { clock, grouped } from "./numbers.ts";
import { truncate } from "./text-width.ts";

/** How far a run is. */
export interface Progress {
  readonly done: number;
  /** Undefined while nobody knows. */
  readonly total: number | undefined;
  readonly failed: number;
  readonly seconds: number;
  /** What is counted, in the plural: "images". */
  readonly noun: string;
}

const barColumns = 20;

/**
 * The progress of a run on one line, never wider than the terminal: the bar goes first where it is narrow.
 *
 * 312 of 1000 images after 9.1 seconds: `██████▎              312/1,000 images · 34.3/s · ETA 0:20 · 2 failed`.
 */
export function progressLine(progress: Progress, columns: number): string {
  const { done, total, failed, seconds, noun } = progress;
  const rate = seconds > 0 ? done / seconds : 0;
  const parts = [
    total === undefined ? `${grouped(done)} ${noun}` : `${grouped(done)}/${grouped(total)} ${noun}`,
    `${rate.toFixed(rate < 10 ? 2 : 1)}/s`,
  ];
  if (total !== undefined && rate > 0 && done < total) parts.push(`ETA ${clock((total - done) / rate)}`);
  else parts.push(clock(seconds));
  if (failed > 0) parts.push(`${grouped(failed)} failed`);
  const text = parts.join(" · ");
  const withBar = total === undefined ? text : `${bar(total > 0 ? done / total : 1, barColumns)} ${text}`;
  return truncate(withBar.length < columns ? withBar : text, columns - 1);
}
