import { perClass, type ClassReport, type ValidationReport } from "../../predict/index.ts";
import { grouped } from "../output/numbers.ts";
import { table } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

/** Figures of each class that has images, as JSON. */
export function perClassEntries(report: ValidationReport, classes: readonly string[]): object[] {
  return seen(report).map(({ index, ...figures }) => ({ index, label: classes[index], ...figures }));
}

/** Figures of each class that has images, the worst recall first. */
export function perClassLines(
  report: ValidationReport,
  classes: readonly string[],
  columns: number,
): string[] {
  const figure = (value: number): string => (Number.isNaN(value) ? "–" : value.toFixed(2));
  return table(
    [
      { title: "class", shrink: true },
      { title: "images", align: "right" },
      { title: "recall", align: "right" },
      { title: "precision", align: "right" },
      { title: "F1", align: "right" },
    ],
    seen(report).map(({ index, support, recall, precision, f1 }) => [
      printable(classes[index] ?? `${index}`),
      grouped(support),
      figure(recall),
      figure(precision),
      figure(f1),
    ]),
    columns,
  );
}

function seen(report: ValidationReport): ClassReport[] {
  return perClass(report.confusion)
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.recall - b.recall || a.index - b.index);
}
