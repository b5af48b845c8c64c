import { isAbsolute, relative } from "node:path";
import { accuracyText, printable, shellWord } from "../../core/index.ts";
import { splitsText } from "../../data/index.ts";
import type { EmbeddingEngine } from "../../train/head/embed-images.ts";
import { engineText } from "../../train/run/run-engine.ts";
import type { Confidence } from "../../nn/index.ts";
import { tellsTop5 } from "../../predict/metrics/metrics.ts";
import type { TrainingEvent } from "../../train/run/options.ts";
import type { RowsWithoutImage } from "../../data/index.ts";
import { checkCommandLine } from "../check/view.ts";
import { unusedName } from "../suggest/write-folder.ts";
import type { TrainJson } from "./json.ts";
import { bar, bytes, clock, duration, grouped, plural } from "../output/numbers.ts";
import { pad, truncate } from "../output/table.ts";
import type { Style, Terminal } from "../output/terminal.ts";

type Epoch = Extract<TrainingEvent, { type: "epoch" }>;
type Started = Extract<TrainingEvent, { type: "started" }>;

type Column = readonly [title: string, width: number, cell: (epoch: Epoch) => string];

/** Columns of the table of epochs, which grows while the run goes on: their widths are fixed. */
function epochColumns({
  classes,
  validationImages,
}: Pick<Started, "classes" | "validationImages">): Column[] {
  const isValidated = classes.length > 0 && validationImages !== 0;
  const share = (value: number | undefined, { valImages }: Epoch): string =>
    accuracyText(value ?? NaN, valImages, 2);
  return [
    ["epoch", 5, ({ epoch }) => `${epoch}`],
    ["loss", 8, ({ trainLoss }) => trainLoss.toFixed(4)],
    ["top-1", 8, ({ trainTop1 }) => accuracyText(trainTop1, undefined, 2)],
    ...only(isValidated, ["val loss", 9, ({ valLoss }) => valLoss?.toFixed(4) ?? "–"]),
    ...only(isValidated, ["val top-1", 9, (epoch) => share(epoch.valTop1, epoch)]),
    ...only(isValidated && tellsTop5(classes.length), [
      "val top-5",
      9,
      (epoch) => share(epoch.valTop5, epoch),
    ]),
    ["lr", 10, ({ learningRate }) => `${Number(learningRate.toPrecision(3))}`],
    ["images/s", 9, ({ imagesPerSecond }) => imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0)],
    ["memory", 9, ({ peakMemoryBytes }) => (peakMemoryBytes === undefined ? "–" : bytes(peakMemoryBytes))],
  ];
}

const only = (isThere: boolean, column: Column): Column[] => (isThere ? [column] : []);

/** An epoch as a line of the table; the best so far is marked, where images were validated that can tell. */
function epochLine(epoch: Epoch, columns: readonly Column[], style: Style): string {
  const line = columns.map(([, width, cell]) => pad(cell(epoch), width, "right")).join(" ");
  return epoch.best && epoch.valTop1 !== undefined ? `${style.bold(line)} ${style.accent("best")}` : line;
}

/** What the events of a training say to a reader of results, in their order; nothing for those that only show progress. */
export function trainingLines(style: Style): (event: TrainingEvent) => readonly string[] {
  let columns: readonly Column[] = [];
  const seen = { classes: 0, judged: 0 };
  return (event) => {
    if (event.type === "cross-validated") seen.judged = event.images.length;
    if (event.type === "epoch") return [epochLine(event, columns, style)];
    if (event.type === "finished") return [endLine(event, seen, style)];
    if (event.type !== "started") return eventLines(event);
    seen.classes = event.classes.length;
    columns = epochColumns(event);
    const titles = columns.map(([title, width]) => pad(title, width, "right")).join(" ");
    return [...startLines(event, style), ...(event.plan ? [style.dim(titles)] : [])];
  };
}

function eventLines(
  event: Exclude<TrainingEvent, { type: "started" | "epoch" | "finished" }>,
): readonly string[] {
  switch (event.type) {
    case "mode-chosen":
      return [`mode ${event.mode}: ${event.because}`];
    case "splits":
      return [printable(splitsText(event))];
    case "smaller-batch":
      return [smallerBatchLine(event)];
    case "in-parts":
      return [inPartsLine(event)];
    case "no-better":
      return [noBetterLine(event)];
    case "embedded":
    case "unlabelled-embedded":
      return [
        `${plural(event.images, event.type === "embedded" ? "image" : "unlabelled image")} embedded in ${duration(event.seconds)}${onEngine(event)}, ${grouped(event.cached)} of them found in the cache`,
      ];
    case "tried":
      return [
        `${featuresText(event)}l2 ${event.l2}: cross-validated loss ${event.loss.toFixed(4)}, top-1 ${accuracyText(event.top1, event.images, 2)}`,
      ];
    case "unlabelled-unused":
      return [`the unlabelled images are not used: ${event.reason}`];
    case "cross-validated":
      return [crossValidationLine(event)];
    case "confidence":
      return [confidenceLine(event)];
    case "no-confidence":
      return [`probabilities are left as they come: ${event.reason}`];
    case "fitted":
      return [`fitted with ${featuresText(event)}l2 ${event.l2} in ${duration(event.seconds)}`];
    case "left-out":
    case "problems":
    case "step":
    case "checkpoint":
    case "skipped":
    case "stopped":
      break;
  }
  return [];
}

/** What a classifier sees, where that is not the embeddings as they are. */
const featuresText = ({ features }: Extract<TrainingEvent, { type: "tried" | "fitted" }>): string =>
  features === "as they are" ? "" : `${features} embeddings, `;

/** What a table of labels says of images that are not there. */
export const rowsWithoutImageLine = ({ count, examples }: RowsWithoutImage): string =>
  `${plural(count, "row")} of the table of labels ${count === 1 ? "names" : "name"} no image here: ${examples.map(printable).join(", ")}${count > examples.length ? ", …" : ""}`;

function smallerBatchLine({
  images,
  asked,
  batchSize,
}: Extract<TrainingEvent, { type: "smaller-batch" }>): string {
  return `${plural(images, "image")} for a batch of ${grouped(asked)}: each step takes ${grouped(batchSize)}`;
}

const inPartsLine = ({
  batchSize,
  microBatch,
  wholeBytes,
}: Extract<TrainingEvent, { type: "in-parts" }>): string =>
  `${grouped(batchSize)} images at once would need about ${(wholeBytes / 1e9).toFixed(1)} GB: each step computes ${grouped(microBatch)} at once`;

const noBetterLine = ({ epoch, epochs, best }: Extract<TrainingEvent, { type: "no-better" }>): string =>
  `ends after epoch ${epoch} of ${epochs}: none was better than epoch ${best}`;

function startLines(event: Extract<TrainingEvent, { type: "started" }>, style: Style): readonly string[] {
  const { model, classes, trainingImages, validationImages = 0, parameters, resumedAt, plan } = event;
  const { rowsWithoutImage } = event;
  const unused =
    rowsWithoutImage && rowsWithoutImage.count > 0 ? [rowsWithoutImageLine(rowsWithoutImage)] : [];
  const isLabelled = classes.length > 0;
  const images = `${plural(trainingImages, "image")} ${isLabelled ? `of ${grouped(classes.length)} classes` : "without labels"}`;
  const first = `${style.bold(printable(model))}: ${grouped(parameters)} parameters, ${images}`;
  const validation = isLabelled ? `, ${grouped(validationImages)} for validation` : "";
  // Without steps it is judged by cross-validation.
  if (!plan) return [validationImages === 0 ? first : first + validation, ...unused];
  return [
    first + validation,
    ...unused,
    `${plural(plan.epochs, "epoch")}, ${plural(plan.steps, "step")} of ${plan.batchSize} images`,
    ...(resumedAt > 0 ? [`going on after step ${grouped(resumedAt)}`] : []),
  ];
}

function crossValidationLine({
  folds,
  loss,
  top1,
  images,
  notJudged,
}: Extract<TrainingEvent, { type: "cross-validated" }>): string {
  const single =
    notJudged === 0 ? "" : `; ${plural(notJudged, "other")} of a class of one image could not be judged`;
  return `in ${folds}-fold cross-validation over ${plural(images.length, "image")}: loss ${loss.toFixed(4)}, top-1 ${accuracyText(top1, images.length, 2)}${single}`;
}

/** How sure a model is, and what to do with it. */
export function confidenceLine({
  temperature,
  unknownBelow,
  fittedTo,
  calibrationError,
}: Confidence): string {
  const error = calibrationError
    ? `calibration error ${calibrationError.raw.toFixed(1)} % without it, ${calibrationError.scaled.toFixed(1)} % with it`
    : "not measured of these weights";
  return `temperature ${temperature}, fitted to ${printable(fittedTo)}: ${error}; suggested --unknown-below ${unknownBelow}`;
}

/** @param seen Classes of the model, and images that cross-validation judged */
function endLine(
  {
    top1,
    top5,
    measuredImages = 0,
    crossValidatedTop1,
    best,
    folder,
  }: Extract<TrainingEvent, { type: "finished" }>,
  seen: { readonly classes: number; readonly judged: number },
  style: Style,
): string {
  const epoch = best.epoch > 0 ? ` (epoch ${best.epoch})` : "";
  const text = (value: number): string => accuracyText(value, measuredImages, 2);
  const second = top5 !== undefined && tellsTop5(seen.classes) ? `, top-5 ${text(top5)}` : "";
  const validated =
    top1 === undefined
      ? ""
      : `top-1 ${text(top1)}${second} on ${plural(measuredImages, "validation image")}${epoch}; `;
  const crossValidated =
    crossValidatedTop1 === undefined
      ? ""
      : `cross-validated top-1 ${accuracyText(crossValidatedTop1, seen.judged, 2)}; `;
  const accuracy = validated + crossValidated;
  return `${style.bold("done")}: ${accuracy}${printable(folder)} holds best.safetensors and report.html`;
}

/** What a model's file is for, as a command. @param isClassifier Whether it has classes, or only tells images apart */
export function nextCommand(path: string, isClassifier: boolean): string {
  const file = shellWord(path);
  return isClassifier
    ? `next: ssl-resnext classify PHOTOS -w ${file}`
    : `next: ssl-resnext train LABELLED -w ${file} --mode head -o ${unusedName("run")}, or ssl-resnext embed IMAGES -w ${file}`;
}

/** An event as one line of JSON; what is said of each image stands in a file of the run. */
export function eventEntry(event: TrainingEvent): TrainJson {
  if (event.type === "cross-validated") return { ...event, images: event.images.length };
  if (event.type !== "skipped") return event;
  const { error, ...rest } = event;
  return { ...rest, error: { code: error.code, message: error.message } };
}

/** What is wrong with the images of a run, and the command that says more. */
export function problemLines({
  problems,
  checked,
}: Extract<TrainingEvent, { type: "problems" }>): readonly string[] {
  const { data, validation, test, unlabelled, labelsFile } = checked;
  const near = {
    ...checked,
    data: data.map(fromHere),
    validation: validation?.map(fromHere),
    test: test?.map(fromHere),
    unlabelled: unlabelled?.map(fromHere),
    labelsFile: labelsFile && fromHere(labelsFile),
  };
  return [
    ...problems.map(({ text }) => `warning: ${printable(text)}`),
    `to see them all: ${checkCommandLine(near)}`,
  ];
}

/** A path below the working folder, from there. */
function fromHere(path: string): string {
  const near = isAbsolute(path) ? relative("", path) : path;
  return near === "" || near.startsWith("..") || isAbsolute(near) ? path : near;
}

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

type Step = Extract<TrainingEvent, { type: "step" }>;

/** How far a training is, on one line; `secondsPerStep` counts what this process did, validation included. */
function stepLine(
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

/** What embedded the images, where it is not what does unless something else is asked for. */
function onEngine(event: EmbeddingEngine): string {
  const text = engineText(event);
  return text === undefined ? "" : ` on ${text}`;
}
