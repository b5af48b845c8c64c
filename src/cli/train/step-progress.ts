import type { TrainingEvent } from "../../node/trainer/index.ts";
import type { Terminal } from "../terminal.ts";
import { stepLine } from "./step-line.ts";

const redrawMilliseconds = 100;

/** Draws the progress of a training: call it with every event. */
export function stepProgress(terminal: Terminal): (event: TrainingEvent) => void {
  let started: Extract<TrainingEvent, { type: "started" }> | undefined;
  let startedAt = 0;
  let drawn = 0;
  return (event) => {
    if (event.type === "started") {
      started = event;
      startedAt = performance.now();
    }
    const plan = started?.plan;
    if (!started || !plan || event.type !== "step" || performance.now() - drawn < redrawMilliseconds) return;
    drawn = performance.now();
    const secondsPerStep = (drawn - startedAt) / 1000 / (event.step - started.resumedAt);
    terminal.status((columns) => stepLine(event, { ...plan, secondsPerStep }, columns));
  };
}
