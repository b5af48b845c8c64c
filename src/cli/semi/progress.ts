import type { SemiEvent } from "../../node/semi/index.ts";
import { progressLine } from "../output/progress-line.ts";
import type { Terminal } from "../terminal.ts";
import { stepProgress } from "../train/step-progress.ts";

/** Draws the progress of a run: call it with every event. */
export function semiProgress(terminal: Terminal): (event: SemiEvent) => void {
  let steps = stepProgress(terminal);
  return (event) => {
    if (event.type === "stage-started") steps = stepProgress(terminal);
    if (event.type === "training") steps(event.event);
    if (event.type !== "images") return;
    const { done, total, imagesPerSecond, what } = event;
    const seconds = imagesPerSecond > 0 ? done / imagesPerSecond : 0;
    const noun = `images ${what}`;
    terminal.status((columns) => progressLine({ done, total, failed: 0, seconds, noun }, columns));
  };
}
