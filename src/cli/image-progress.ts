import { progressLine } from "./output/progress-line.ts";
import type { Terminal } from "./terminal.ts";

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
