import type { OnHubEvent } from "../../weights/hub/index.ts";
import { bar, bytes, clock, grouped } from "./numbers.ts";
import { truncate } from "./table.ts";
import type { Terminal } from "./terminal.ts";

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
  if (total === undefined) return truncate(text, columns - 1);
  return withBar(text, total > 0 ? done / total : 1, columns);
}

/** A text behind a bar, where there is room for one. */
export function withBar(text: string, share: number, columns: number): string {
  const drawn = `${bar(share, barColumns)} ${text}`;
  return truncate(drawn.length < columns ? drawn : text, columns - 1);
}

const redrawMilliseconds = 100;

/** Draws the progress of a run over images: call it after each. */
export function imageProgress(
  total: number | undefined,
  terminal: Terminal,
): (done: number, failed: number) => void {
  const started = performance.now();
  let drawn = started;
  return (done, failed) => {
    const now = performance.now();
    if (now - drawn < redrawMilliseconds) return;
    drawn = now;
    const seconds = (now - started) / 1000;
    terminal.status((columns) => progressLine({ done, total, failed, seconds, noun: "images" }, columns));
  };
}

/** Shows what happens during a download. */
export function hubNotices(terminal: Terminal): OnHubEvent {
  const style = terminal.noticeStyle;
  return (event) => {
    switch (event.type) {
      case "license":
        terminal.notice(`${style.warning("licence")} ${event.notice} ${style.dim(event.url)}`);
        break;
      case "waiting":
        terminal.notice(`waiting: another process downloads ${event.file}`);
        break;
      case "start":
        terminal.notice(`downloading ${event.url}`);
        break;
      case "progress":
        terminal.status((columns) => downloadLine(event, columns));
        break;
      case "retry":
        terminal.notice(
          `${style.warning("retrying")} in ${Math.ceil(event.delay / 1000)} s: ${event.error.message}`,
        );
        break;
      case "fallback":
        terminal.notice(`${style.warning("trying the mirror")} ${event.to}: ${event.error.message}`);
        break;
      case "verified":
        break;
      case "done":
        if (!event.cached) terminal.notice(`saved ${event.path} (${bytes(event.bytes)})`);
        break;
    }
  };
}

/** A download on one line: bar, bytes, rate, ETA. */
export function downloadLine(
  {
    received,
    total,
    rate,
  }: { readonly received: number; readonly total: number | undefined; readonly rate: number },
  columns: number,
): string {
  const parts = [
    total === undefined ? bytes(received) : `${bytes(received)} of ${bytes(total)}`,
    `${bytes(rate)}/s`,
  ];
  if (total !== undefined && rate > 0) parts.push(`ETA ${clock((total - received) / rate)}`);
  const text = parts.join(" · ");
  const drawn = total === undefined || columns < 70 ? text : `${bar(received / total, 20)} ${text}`;
  return truncate(drawn, columns - 1);
}
