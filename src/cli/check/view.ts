import { printable, shellWord } from "../../core/index.ts";
import type { CheckEvent, CheckResult, CleanedCopy } from "../../check/index.ts";
import { splitsText, type CheckedData } from "../../data/index.ts";
import { optionWords } from "../options/command.ts";
import { duration, grouped, plural } from "../output/numbers.ts";
import { progressLine } from "../output/progress.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import type { CheckJson } from "./json.ts";

/** An event as JSON; undefined for those that only show progress. */
export function checkEntry(event: CheckEvent): CheckJson | undefined {
  return event.type === "finding" || event.type === "finished" ? event : undefined;
}

/** What an event says to a reader of results. */
export function checkLines(event: CheckEvent, checked: CheckedData, style: Style): readonly string[] {
  switch (event.type) {
    case "splits":
      return [printable(splitsText(event))];
    case "finished":
      return resultLines(event, checked, style);
    case "images":
    case "step":
    case "finding":
      break;
  }
  return [];
}

function resultLines(
  { sets, classes, findings, problems, report, fixes, seconds }: CheckResult,
  checked: CheckedData,
  style: Style,
): readonly string[] {
  const images = sets.map((one) => `${grouped(one.images)} ${one.set}`).join(", ");
  const found =
    problems.length === 0
      ? ["Nothing was found."]
      : problems.map(({ kind, text }) => `${style.warning(kind.padEnd(13))} ${printable(text)}`);
  const apply = `next, for a cleaned copy: ${checkCommandLine(checked, ["--apply", fixes, "--to", "FOLDER"])}`;
  return [
    `${images} images of ${grouped(classes.length)} ${classes.length === 1 ? "class" : "classes"}, checked in ${duration(seconds)}`,
    ...found,
    `${style.bold(printable(report))}${findings > 0 ? `: look at them, and edit ${printable(fixes)}` : ""}`,
    ...(findings > 0 ? [apply] : []),
  ];
}

/** A command line that can be copied: `check` of these images, by the names that they are given. */
export function checkCommandLine(
  { data, validation, test, unlabelled, labelsFile, imageColumn, labelColumn }: CheckedData,
  more: readonly string[] = [],
): string {
  const words = optionWords({
    "--validation": validation,
    "--test": test,
    "--unlabelled": unlabelled,
    "--labels-file": labelsFile,
    "--image-column": imageColumn,
    "--label-column": labelColumn,
  });
  return ["ssl-resnext", "check", ...data, ...words, ...more].map(shellWord).join(" ");
}

/** What a cleaned copy holds. */
export function appliedLines(copy: CleanedCopy, style: Style): readonly string[] {
  const { folder, written, removed, relabelled, moved, withoutLabel } = copy;
  const changes = [
    `${grouped(removed)} removed`,
    `${grouped(relabelled)} relabelled`,
    ...(moved > 0 ? [`${grouped(moved)} moved`] : []),
    ...(withoutLabel > 0 ? [`${grouped(withoutLabel)} without a label left out`] : []),
  ];
  return [`${style.bold(printable(folder))}: ${plural(written, "image")}; ${changes.join(", ")}`];
}

const steps = {
  copies: "comparing images …",
  labels: "judging labels …",
  page: "writing the page …",
} as const;

const redrawMilliseconds = 100;

/** Draws how far a check is. */
export function checkProgress(terminal: Terminal): (event: CheckEvent) => void {
  const started = performance.now();
  let drawn = 0;
  return (event) => {
    const now = performance.now();
    if (event.type === "step") terminal.status(() => terminal.noticeStyle.dim(steps[event.step]));
    if (event.type !== "images" || now - drawn < redrawMilliseconds) return;
    drawn = now;
    const { done, total } = event;
    const seconds = (now - started) / 1000;
    terminal.status((columns) => progressLine({ done, total, failed: 0, seconds, noun: "images" }, columns));
  };
}
