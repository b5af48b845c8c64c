import type { EpochRecord, TrainingReportData } from "./data.ts";
import { compact, count, gigabytes, percent, significant } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly hint?: string | undefined;
}

const states = {
  running: "This run was still going on when the page was written.",
  stopped: "This run was stopped before its end.",
} as const;

/** What was trained, and the figures that one looks for first. */
export function overview(data: TrainingReportData): Markup {
  const { title, summary, status = "finished" } = data;
  return markup`<header>
<h1>${title}</h1>
${summary === undefined ? undefined : markup`<p>${summary}</p>`}
${status === "finished" ? undefined : markup`<p class="notice">${states[status]}</p>`}
<dl class="tiles">${tiles(data).map(
    ({ name, value, hint }) =>
      markup`<div><dt>${name}</dt><dd>${value}${hint === undefined ? undefined : markup`<small>${hint}</small>`}</dd></div>`,
  )}</dl>
</header>`;
}

function tiles({ epochs, validation, classes }: TrainingReportData): readonly Tile[] {
  const last = epochs.at(-1);
  return [
    ...(validation
      ? [
          { name: "Top-1", value: percent(validation.top1), hint: "validation" },
          { name: "Top-5", value: percent(validation.top5), hint: "validation" },
        ]
      : []),
    ...(last ? trainingTiles(epochs, last) : []),
    { name: "Classes", value: count(classes.length) },
  ];
}

function trainingTiles(epochs: readonly EpochRecord[], last: EpochRecord): readonly Tile[] {
  const memory = Math.max(...epochs.map(({ peakMemoryBytes = 0 }) => peakMemoryBytes));
  const speeds = epochs.map(({ imagesPerSecond }) => imagesPerSecond).sort((a, b) => a - b);
  return [
    { name: "Training loss", value: significant(last.trainLoss), hint: `${percent(last.trainTop1)} right` },
    {
      name: "Images seen",
      value: compact(last.imagesProcessed),
      hint: `${count(epochs.length)} epoch${epochs.length === 1 ? "" : "s"}`,
    },
    {
      name: "Speed",
      value: significant(speeds[Math.floor(speeds.length / 2)]!),
      hint: "images/s, median",
    },
    ...(memory > 0 ? [{ name: "Peak memory", value: gigabytes(memory) }] : []),
  ];
}
