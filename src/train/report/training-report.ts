import { accuracyText, isFew } from "../../core/index.ts";
import { perClass, tellsTop5, type ConfusionMatrix } from "../../predict/index.ts";
import { axisOver, chart, type Chart, type ChartPoint, type Curve } from "../../report/chart.ts";
import {
  compact,
  count,
  factTable,
  gigabytes,
  markup,
  percent,
  shareCell,
  significant,
  sortHead,
  thumbnailPicture,
  type Markup,
} from "../../report/elements.ts";
import { page } from "../../report/page.ts";
import { confusionFigure } from "./confusion.ts";
import { reliabilitySection } from "./reliability.ts";
import type {
  CrossValidationRecord,
  EpochRecord,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./training-report-data.ts";

/**
 * A page of its own that shows a training run: curves, where the model errs, speed and memory, the recipe, and where
 * everything comes from. It opens without a network and asks for nothing from one; what a run does not have, such
 * as validation images, is left out.
 */
export function trainingReport(data: TrainingReportData): string {
  const { validation, crossValidation, classes } = data;
  return page(data.title, [
    overview(data),
    curves(data),
    sweepTable(data.sweep ?? []),
    validation && validationSection("Validation", imagesOf(validation), validation, classes),
    crossValidation &&
      validationSection("Cross-validation", howJudged(crossValidation), crossValidation, classes),
    data.sureness && reliabilitySection(data.sureness),
    markup`<section><h2>Run</h2>
<div class="columns">${factTable("Provenance", data.provenance)}${factTable("Machine", data.machine)}</div>
<div class="newspaper">${factTable("Recipe", data.recipe)}</div></section>`,
  ]);
}

const imagesIn = ({ confusion }: ValidationRecord): number =>
  confusion.counts.reduce((sum, value) => sum + value, 0);

const counted = (record: ValidationRecord): string => count(imagesIn(record));

function imagesOf(validation: ValidationRecord): string {
  const { data, failed } = validation;
  const unread = failed === 0 ? "" : `; ${count(failed)} could not be read`;
  return `${counted(validation)} images of ${data}${unread}.`;
}

function howJudged(record: CrossValidationRecord): string {
  const { data, folds, notJudged } = record;
  const single =
    notJudged === 0 ? "" : ` ${count(notJudged)} are the only ones of their class, and were never held out.`;
  return `The training images, ${data}, were divided into ${folds} parts, each class evenly; each of ${counted(record)} images was judged by a classifier that was fitted on the other parts.${single} The one that is kept was fitted on all images.`;
}

function validationSection(
  title: string,
  images: string,
  { confusion, mistakes }: ValidationRecord,
  classes: readonly string[],
): Markup {
  return markup`<section><h2>${title}</h2>
<p>${images}</p>
<h3>Confusion matrix</h3>
${confusionFigure(confusion, classes)}
${mistakeGallery(mistakes, classes)}
${classTable(confusion, classes)}
</section>`;
}

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
function overview(data: TrainingReportData): Markup {
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

function tiles({
  epochs,
  validation,
  crossValidation,
  sureness,
  classes,
}: TrainingReportData): readonly Tile[] {
  const last = epochs.at(-1);
  const accuracy = (record: ValidationRecord | undefined, hint: string): readonly Tile[] =>
    record
      ? [
          { name: "Top-1", value: accuracyText(record.top1, imagesIn(record)), hint },
          ...(tellsTop5(classes.length)
            ? [{ name: "Top-5", value: accuracyText(record.top5, imagesIn(record)), hint }]
            : []),
        ]
      : [];
  return [
    ...accuracy(validation, "validation"),
    ...accuracy(crossValidation, "cross-validated"),
    ...calibrationTile(sureness),
    ...(last ? trainingTiles(epochs, last) : []),
    { name: "Classes", value: count(classes.length) },
  ];
}

function calibrationTile(sureness: TrainingReportData["sureness"]): readonly Tile[] {
  const error = sureness?.confidence?.calibrationError;
  if (!error) return [];
  return [
    {
      name: "Calibration error",
      value: percent(error.scaled),
      hint: `${percent(error.raw)} without the temperature`,
    },
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

/** The strengths of the penalty that were tried, and the one that was taken. */
function sweepTable(sweep: readonly SweepRecord[]): Markup | undefined {
  if (sweep.length === 0) return undefined;
  const ofFeatures = sweep.some(({ features }) => features !== sweep[0]!.features);
  return markup`<section><h2>Regularisation</h2>
<p>The strength of the penalty on the squared weights${ofFeatures ? ", and how the classifier sees embeddings," : ""} ${ofFeatures ? "were" : "was"} chosen by cross-validation: each one was fitted without a part of the images and measured on that part, in turns; the one with the lowest mean loss was then fitted on all images.</p>
<div class="scroll"><table class="list">
<thead><tr>${ofFeatures ? markup`<th scope="col">embeddings</th>` : undefined}<th scope="col">L2</th><th scope="col" class="number">cross-validated loss</th><th scope="col" class="number">top-1</th><th scope="col"></th></tr></thead>
<tbody>${sweep.map(
    ({ features, l2, loss, top1, images, chosen }) =>
      markup`<tr${chosen ? markup` class="chosen"` : undefined}>${ofFeatures ? markup`<td>${features}</td>` : undefined}<td>${significant(l2)}</td><td class="number">${significant(loss)}</td><td class="number bar" style="--share:${top1.toFixed(1)}%">${accuracyText(top1, images)}</td><td>${chosen ? "taken" : undefined}</td></tr>
`,
  )}</tbody></table></div></section>`;
}

/** The images that the model was most sure of, and wrong. */
function mistakeGallery(mistakes: readonly Mistake[], classes: readonly string[]): Markup | undefined {
  if (mistakes.length === 0) return undefined;
  return markup`<h3>Most confidently wrong</h3>
<p>A wrong label is found here as easily as a hard image.</p>
<ul class="gallery">${mistakes.map(
    ({ id, target, predicted, probability, thumbnail }) => markup`<li>
${thumbnailPicture(thumbnail, id)}
<b class="wrong"><span>${(100 * probability).toFixed(0)} %</span> <bdi>${classes[predicted]}</bdi></b>
<span class="right">is <bdi>${classes[target]}</bdi></span>
<small title="${id}"><bdi>${id}</bdi></small></li>`,
  )}</ul>`;
}

/** Figures of each class that has images, the worst recall first; columns sort when their heads are pressed. */
function classTable(matrix: ConfusionMatrix, classes: readonly string[]): Markup {
  const seen = perClass(matrix)
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.recall - b.recall || a.index - b.index);
  return markup`<h3>Each class</h3>
<div class="scroll tall"><table class="list sortable">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("images")}${sortHead("recall", { sorted: "ascending" })}${sortHead("precision")}${sortHead("F1")}</tr></thead>
<tbody>${seen.map(
    ({ index, support, predicted, recall, precision, f1 }) =>
      markup`<tr><td><span>${classes[index]}</span></td><td class="number" data-value="${support}">${count(support)}</td>${shareCell(recall, support)}${shareCell(precision, predicted)}${shareCell(f1)}</tr>
`,
  )}</tbody></table></div>`;
}

/** Loss, accuracy, learning rate and speed over the images that were processed. */
function curves({ epochs, steps = [], classes }: TrainingReportData): Markup | undefined {
  if (epochs.length === 0 && steps.length === 0) return undefined;
  const along = axes(epochs, steps);
  const few = epochs.at(-1)?.valImages ?? Infinity;
  const ofFew = isFew(few) ? ` of ${few} image${few === 1 ? "" : "s"}` : "";
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
        {
          name: `validation top-1${ofFew}`,
          kind: "validation",
          points: byEpoch(epochs, ({ valTop1 }) => valTop1),
        },
        {
          name: "top-5",
          kind: "second",
          points: tellsTop5(classes.length) ? byEpoch(epochs, ({ valTop5 }) => valTop5) : [],
        },
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
