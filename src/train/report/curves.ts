import { axisOver, chart, type Chart, type ChartPoint, type Curve } from "../../report/chart.ts";
import { compact, count, significant } from "../../report/elements.ts";
import { markup, type Markup } from "../../report/markup.ts";
import type { EpochRecord, StepRecord, TrainingReportData } from "./training-report-data.ts";

/** Loss, accuracy, learning rate and speed over the images that were processed. */
export function curves({ epochs, steps = [] }: TrainingReportData): Markup | undefined {
  if (epochs.length === 0 && steps.length === 0) return undefined;
  const along = axes(epochs, steps);
  const figures: readonly Pick<Chart, "title" | "curves" | "formatY" | "fromZero">[] = [
    {
      title: "Loss",
      formatY: significant,
      curves: [
        { name: "steps", kind: "fine", points: byStep(steps, ({ loss }) => loss) },
        { name: "training", kind: "training", points: byEpoch(epochs, ({ trainLoss }) => trainLoss) },
        { name: "validation", kind: "validation", points: byEpoch(epochs, ({ valLoss }) => valLoss) },
      ],
    },
    {
      title: "Accuracy",
      formatY: (share) => `${significant(share)} %`,
      curves: [
        { name: "training", kind: "training", points: byEpoch(epochs, ({ trainTop1 }) => trainTop1) },
        { name: "validation top-1", kind: "validation", points: byEpoch(epochs, ({ valTop1 }) => valTop1) },
        { name: "top-5", kind: "second", points: byEpoch(epochs, ({ valTop5 }) => valTop5) },
      ],
    },
    { title: "Learning rate", formatY: significant, fromZero: true, curves: [learningRate(epochs, steps)] },
    {
      title: "Images per second",
      fromZero: true,
      formatY: significant,
      curves: [
        { name: "training", kind: "training", points: byEpoch(epochs, (epoch) => epoch.imagesPerSecond) },
      ],
    },
  ];
  const drawable = figures.filter((figure) =>
    figure.curves.some(({ points }) => points.some(({ y }) => Number.isFinite(y))),
  );
  return markup`<section><h2>Training</h2><div class="charts">${drawable.map((figure) =>
    chart({ ...figure, ...along }),
  )}</div><p class="axis">Horizontally: training images processed.</p></section>`;
}

function axes(epochs: readonly EpochRecord[], steps: readonly StepRecord[]): Pick<Chart, "x" | "formatX"> {
  const last = Math.max(epochs.at(-1)?.imagesProcessed ?? 0, steps.at(-1)?.imagesProcessed ?? 0);
  const { ticks } = axisOver([0, last]);
  return { x: { from: 0, to: last, ticks: ticks.filter((tick) => tick <= last) }, formatX: compact };
}

function learningRate(epochs: readonly EpochRecord[], steps: readonly StepRecord[]): Curve {
  const points =
    steps.length > 0
      ? byStep(steps, (step) => step.learningRate)
      : byEpoch(epochs, (epoch) => epoch.learningRate);
  return { name: "learning rate", kind: "training", points };
}

function byEpoch(
  epochs: readonly EpochRecord[],
  value: (epoch: EpochRecord) => number | undefined,
): readonly ChartPoint[] {
  return epochs.map((epoch) => ({
    x: epoch.imagesProcessed,
    y: value(epoch) ?? NaN,
    at: `epoch ${epoch.epoch} · ${count(epoch.imagesProcessed)} images`,
  }));
}

function byStep(steps: readonly StepRecord[], value: (step: StepRecord) => number): readonly ChartPoint[] {
  return steps.map((step) => ({
    x: step.imagesProcessed,
    y: value(step),
    at: `${count(step.imagesProcessed)} images`,
  }));
}
