import type { TrainingEvent } from "../../node/trainer/index.ts";
import { bar } from "../output/bar.ts";
import { clock, grouped } from "../output/numbers.ts";
import { truncate } from "../output/text-width.ts";

type Step = Extract<TrainingEvent, { type: "step" }>;

/** How far a training is, on one line; `secondsPerStep` counts what this process did, validation included. */
export function stepLine(
  { step, epoch, loss, top1, learningRate, imagesPerSecond }: Step,
  {
    steps,
    epochs,
    secondsPerStep,
  }: { readonly steps: number; readonly epochs: number; readonly secondsPerStep: number },
  width: number,
): string {
  const parts = [
    `epoch ${epoch}/${epochs}`,
    `step ${grouped(step)}/${grouped(steps)}`,
    `loss ${loss.toFixed(3)}`,
    `${top1.toFixed(1)} %`,
    `lr ${Number(learningRate.toPrecision(3))}`,
    `${imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0)} images/s`,
    `ETA ${clock((steps - step) * secondsPerStep)}`,
  ];
  const text = parts.join(" · ");
  const withBar = `${bar(step / steps, 12)} ${text}`;
  return truncate(withBar.length < width ? withBar : text, width - 1);
}
