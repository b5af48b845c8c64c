import { stringify } from "csv-stringify/sync";
import { UsageError } from "../../core/index.ts";
import { readText, writeBytes } from "../../core/storage/index.ts";
import { countParameters } from "../../nn/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import type { ConfusionMatrix } from "../../predict/index.ts";
import { confusionPage } from "../../train/index.ts";
import type { ValidationSummary } from "./view.ts";

/** Of timm's result tables, `param_count` in millions, and the card's claim. */
const columns = [
  "model",
  "top1",
  "top1_err",
  "top5",
  "top5_err",
  "param_count",
  "img_size",
  "crop_pct",
  "interpolation",
  "card_top1",
  "card_top5",
] as const;

/** One value a column. */
type ResultsRow = Readonly<Record<(typeof columns)[number], string | number>>;

/** The row of a validation, with as many digits as timm gives. */
export function resultsRow({ model, report, claims }: ValidationSummary): ResultsRow {
  const { inputSize, cropPct, interpolation } = model.preprocessing;
  const claim = claims[0]?.accuracy;
  // Of images without labels of their own nothing is known but the accuracy by ReaL labels.
  const figure = (value: number): string => (Number.isNaN(value) ? "" : value.toFixed(3));
  return {
    model: model.name,
    top1: figure(report.top1),
    top1_err: figure(100 - report.top1),
    top5: figure(report.top5),
    top5_err: figure(100 - report.top5),
    param_count: (countParameters(model.config) / 1e6).toFixed(2),
    img_size: inputSize,
    crop_pct: cropPct,
    interpolation,
    card_top1: claim?.[0].toFixed(3) ?? "",
    card_top5: claim?.[1].toFixed(3) ?? "",
  };
}

/**
 * Makes sure that a row can be added to a file, before hours are spent on measuring one: makes the table when there
 * is none, with its columns.
 *
 * @throws UsageError `usage/results-file` when the file has other columns; DataError when it cannot be written.
 */
export async function openResultsFile(path: string): Promise<(row: ResultsRow) => Promise<void>> {
  const header = stringify([columns]);
  const storage = nodeStorageFor(path);
  const add = async (text: string): Promise<void> => {
    await using file = await storage.grow(path);
    await file.append(new TextEncoder().encode(text));
  };
  await add("");
  const present = await readText(storage, path);
  if (present === "") await add(header);
  else if (!present.startsWith(header)) {
    throw new UsageError(
      "usage/results-file",
      `--results ${path}: has other columns; expected ${columns.join(",")}. Name a new file.`,
    );
  }
  return (row) => add(stringify([columns.map((column) => row[column])]));
}

/**
 * Writes a confusion matrix: `.csv` with a row per right class and a column per predicted one, or `.html`.
 *
 * @throws UsageError `usage/confusion-file` for another ending.
 */
export async function writeConfusion(
  path: string,
  matrix: ConfusionMatrix,
  classes: readonly string[],
): Promise<void> {
  checkConfusionPath(path);
  const pieces = path.endsWith(".csv") ? csvRows(matrix, classes) : [confusionPage(matrix, classes)];
  await writeBytes(
    nodeStorageFor(path),
    path,
    pieces.map((piece) => new TextEncoder().encode(piece)),
  );
}

/** Refuses a file that could not be written at the end of a long run. */
export function checkConfusionPath(path: string): void {
  if (/\.(csv|html)$/.test(path)) return;
  throw new UsageError("usage/confusion-file", `--confusion ${path}: expected a name in .csv or .html.`);
}

function csvRows({ numClasses, counts }: ConfusionMatrix, classes: readonly string[]): string[] {
  const rows = classes.map((name, target) =>
    stringify([[name, ...counts.subarray(target * numClasses, (target + 1) * numClasses)]]),
  );
  return [stringify([["right class", ...classes]]), ...rows];
}
