import type { SemiEvent } from "../../node/semi/index.ts";
import { progressLine, type Progress } from "../output/progress-line.ts";
import type { Terminal } from "../terminal.ts";
import { stepProgress } from "../train/step-progress.ts";

/** Draws the progress of a run: call it with every event. */
export function semiProgress(terminal: Terminal): (event: SemiEvent) => void {
  let steps = stepProgress(terminal);
  return (event) => {
    if (event.type === "stage-started") steps = stepProgress(terminal);
    if (event.type === "training") steps(event.event);
    if (event.type === "images") show(event, event.imagesPerSecond, `images ${event.what}`);
    if (event.type === "shards") show(event, event.shardsPerSecond, "shards hashed");
  };
  function show({ done, total }: Pick<Progress, "done" | "total">, perSecond: number, noun: string): void {
    const seconds = perSecond > 0 ? done / perSecond : 0;
    terminal.status((columns) => progressLine({ done, total, failed: 0, seconds, noun }, columns));
  }
}
