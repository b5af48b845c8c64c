import type { PlannedStage, SemiEvent } from "../../node/semi/index.ts";
import { meanOf, plusMinus, shownArms, spread } from "../../semi/report/index.ts";
import { duration, grouped } from "../output/numbers.ts";
import type { Style } from "../output/style.ts";
import { table } from "../output/table.ts";
import { printable } from "../output/text-width.ts";
import { eventLines } from "../train/event-lines.ts";

/** What an event says to a reader of results; nothing for those that only show progress. */
export function semiLines(event: SemiEvent, style: Style): readonly string[] {
  switch (event.type) {
    case "planned":
      return event.stages.flatMap((stage) => planLines(stage, style));
    case "stage-started":
      return ["", style.bold(event.stage), ...event.changes.map((change) => `  because ${change}`)];
    case "training":
      return eventLines(event.event, style).map((line) => `  ${line}`);
    case "stage-finished":
      return event.skipped ? [] : [finishedLine(event)];
    case "report":
      return reportLines(event, style);
    case "waiting":
    case "shards":
    case "images":
    case "warning":
    case "stopped":
      break;
  }
  return [];
}

function planLines({ stage, status, changes }: PlannedStage, style: Style): readonly string[] {
  const why = changes.length > 0 ? style.dim(` (${changes.map(printable).join("; ")})`) : "";
  return [`${stage.padEnd(20)} ${status}${why}`];
}

function finishedLine({ manifest }: Extract<SemiEvent, { type: "stage-finished" }>): string {
  const counts = Object.entries(manifest.counts).map(
    ([name, count]) => `${name} ${Number.isInteger(count) ? grouped(count) : count.toFixed(2)}`,
  );
  return `  ${[...counts, duration(manifest.seconds)].join(", ")}`;
}

/** The arms in the order of the page, and where that is. */
function reportLines(
  { path, arms }: Extract<SemiEvent, { type: "report" }>,
  style: Style,
): readonly string[] {
  const rows = shownArms(arms).map(({ name, runs }) => [
    printable(name),
    plusMinus(spread(runs.map(({ top1 }) => top1))),
    meanOf(
      runs.map(({ imagesProcessed }) => imagesProcessed),
      grouped,
    ),
  ]);
  const [titles, ...lines] = table(columns, rows);
  return [...(rows.length > 0 ? ["", style.dim(titles!), ...lines] : []), "", `report: ${printable(path)}`];
}

const columns = [
  { title: "arm" },
  { title: "top-1 %", align: "right" },
  { title: "images processed", align: "right" },
] as const;
