import { dirname } from "node:path";
import { accuracyText, printable, shellWord } from "../../core/index.ts";
import type { PlannedChoice, PlannedStage, SemiEvent } from "../../semi/events.ts";
import { shownArms } from "../../semi/report/arms.ts";
import { accuracySpread, meanOf, spread } from "../../semi/report/statistics.ts";
import type { Verdict } from "../../semi/report/verdict.ts";
import { duration, grouped, plural } from "../output/numbers.ts";
import { progressLine, type Progress } from "../output/progress.ts";
import { table } from "../output/table.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import { filledLine, queueProgressLine } from "../queue/view.ts";
import { unusedName } from "../suggest/write-folder.ts";
import { eventEntry, nextCommand, stepProgress, trainingLines } from "../train/view.ts";
import type { SemiJson } from "./json.ts";

/** What the events of a run say to a reader of results, in their order; nothing for those that only show progress. */
export function semiLines(style: Style): (event: SemiEvent) => readonly string[] {
  let training = trainingLines(style);
  return (event) => {
    if (event.type === "stage-started") training = trainingLines(style);
    return event.type === "training"
      ? training(event.event).map((line) => `  ${line}`)
      : eventLines(event, style);
  };
}

function eventLines(event: Exclude<SemiEvent, { type: "training" }>, style: Style): readonly string[] {
  switch (event.type) {
    case "planned":
      return [
        ...event.choices.map(choiceLine),
        ...event.stages.flatMap((stage) => planLines(stage, style)),
        ...event.notes.map(({ stage, message }) => `${stage.padEnd(20)} ${message}`),
      ];
    case "stage-started":
      return ["", style.bold(event.stage), ...event.changes.map((change) => `  because ${change}`)];
    case "part-finished":
      return [partLine(event)];
    case "queue-filled":
      return [filledLine(event, "shard")];
    case "queue-finished":
      return [queueEndLine(event)];
    case "stage-finished":
      return event.skipped ? [] : [finishedLine(event)];
    case "report":
      return reportLines(event, style);
    case "best":
      return verdictLines(event.verdict, event, style);
    case "timing":
    case "waiting":
    case "problems":
    case "shards":
    case "images":
    case "queue":
    case "shard-failed":
    case "warning":
    case "stopped":
      break;
  }
  return [];
}

function partLine({ stage, part, ...scored }: SemiEvent & { type: "part-finished" }): string {
  return `${stage}: part ${part.index} of ${part.count}: ${scoredText(scored)}`;
}

function scoredText({
  counts,
  stood,
}: Pick<SemiEvent & { type: "part-finished" }, "counts" | "stood">): string {
  const { shards = 0, images = 0, broken = 0 } = counts;
  const unread = broken === 0 ? "" : `, ${broken} of them broken`;
  return `${plural(shards, "shard")} with ${plural(images + broken, "image")} scored${unread}; ${stood} stood before`;
}

function queueEndLine({ name, failed, ...scored }: SemiEvent & { type: "queue-finished" }): string {
  const rest = failed === 0 ? "" : `; ${failed} failed: the same command tries them again`;
  return `run ${name}: ${scoredText(scored)}${rest}`;
}

function choiceLine({ variant, method, mode, because }: PlannedChoice): string {
  const of = variant === undefined ? "" : `${printable(variant)}: `;
  return `${of}method ${method}${mode === undefined ? "" : `, mode ${mode}`}: ${printable(because)}`;
}

function planLines({ stage, status, changes, seconds }: PlannedStage, style: Style): readonly string[] {
  const time = seconds === undefined ? "" : `  about ${roughly(seconds)}`;
  const why = changes.length > 0 ? style.dim(` (${changes.map(printable).join("; ")})`) : "";
  return [`${stage.padEnd(20)} ${status}${time}${why}`];
}

/** A time that was estimated. */
function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 90 * 60 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function fileLines({ path, what }: ChosenFile, style: Style): readonly string[] {
  return [
    `${style.bold(printable(path))}: ${printable(what)}`,
    nextCommand(path, true),
    `to label more, those that help most: ssl-resnext suggest -m ${shellWord(dirname(path))} -o ${unusedName("next")}`,
  ];
}

/** Where a run's model stands, and what it is. */
interface ChosenFile {
  readonly path: string;
  /** As a clause. */
  readonly what: string;
}

/** The last lines of a run: what unlabelled images brought, what would help, the file, and what to do with it. */
export function verdictLines({ headline, help }: Verdict, best: ChosenFile, style: Style): readonly string[] {
  return [
    "",
    style.bold(printable(headline)),
    ...(help.length > 0 ? ["what would help:", ...help.map((line) => `  ${printable(line)}`)] : []),
    "",
    ...fileLines(best, style),
  ];
}

function finishedLine({ manifest }: Extract<SemiEvent, { type: "stage-finished" }>): string {
  const measured = manifest.counts["measured images"];
  const counts = Object.entries(manifest.counts).map(([name, count]) =>
    name.includes("top-1")
      ? `${name} ${accuracyText(count, measured, 2)}`
      : `${name} ${Number.isInteger(count) ? grouped(count) : count.toFixed(2)}`,
  );
  return `  ${[...counts, duration(manifest.seconds)].join(", ")}`;
}

/** The arms in the order of the page, and where that is. */
function reportLines(
  { path, arms, images }: Extract<SemiEvent, { type: "report" }>,
  style: Style,
): readonly string[] {
  const rows = shownArms(arms).map(({ name, runs }) => [
    printable(name),
    accuracySpread(spread(runs.map(({ top1 }) => top1)), images),
    meanOf(
      runs.map(({ imagesProcessed }) => imagesProcessed),
      grouped,
    ),
  ]);
  const [titles, ...lines] = table(resultColumns, rows);
  return [...(rows.length > 0 ? ["", style.dim(titles!), ...lines] : []), "", `report: ${printable(path)}`];
}

const resultColumns = [
  { title: "arm" },
  { title: "top-1", align: "right" },
  { title: "images processed", align: "right" },
] as const;

/** An event as one line of JSON. */
export function semiEntry(event: SemiEvent): SemiJson {
  return event.type === "training" ? { ...event, event: eventEntry(event.event) } : event;
}

/** Rows of a training's table: its own report has all epochs. */
const shownEpochs = 8;

/** Says which events are worth a line: of the epochs of a training a few, evenly spread, the last among them. */
export function fewEpochs(): (event: SemiEvent) => boolean {
  let epochs = 1;
  return (event) => {
    if (event.type !== "training") return true;
    if (event.event.type === "started") epochs = event.event.plan?.epochs ?? 1;
    if (event.event.type !== "epoch") return true;
    const { epoch } = event.event;
    const spacing = Math.ceil(epochs / shownEpochs);
    return (epochs - epoch) % spacing === 0;
  };
}

const timingLines = {
  adapt: "a few steps, to say how long adapting the network takes …",
  tune: "a few steps, to say how long training the whole network takes …",
} as const;

/** Draws the progress of a run: call it with every event. */
export function semiProgress(terminal: Terminal): (event: SemiEvent) => void {
  let steps = stepProgress(terminal);
  return (event) => {
    if (event.type === "stage-started") steps = stepProgress(terminal);
    if (event.type === "timing") terminal.status(() => timingLines[event.training]);
    if (event.type === "training") steps(event.event);
    if (event.type === "images") show(event, event.imagesPerSecond, `images ${event.what}`);
    if (event.type === "shards") show(event, event.shardsPerSecond, "shards hashed");
    if (event.type === "queue") terminal.status((columns) => queueProgressLine(event, "shards", columns));
  };
  function show({ done, total }: Pick<Progress, "done" | "total">, perSecond: number, noun: string): void {
    const seconds = perSecond > 0 ? done / perSecond : 0;
    terminal.status((columns) => progressLine({ done, total, failed: 0, seconds, noun }, columns));
  }
}
