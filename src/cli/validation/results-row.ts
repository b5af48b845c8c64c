import { appendFile, readFile } from "node:fs/promises";
import { stringify } from "csv-stringify/sync";
import { UsageError } from "../../core/index.ts";
import { countParameters } from "../../nn/index.ts";
import type { ValidationSummary } from "./summary.ts";

/** A row of timm's result tables, and the card's claim. */
export interface ResultsRow {
  readonly model: string;
  readonly top1: string;
  readonly top1_err: string;
  readonly top5: string;
  readonly top5_err: string;
  /** In millions. */
  readonly param_count: string;
  readonly img_size: number;
  readonly crop_pct: number;
  readonly interpolation: string;
  readonly card_top1: string;
  readonly card_top5: string;
}

/** The row of a validation, with as many digits as timm gives. */
export function resultsRow({ model, report, claims }: ValidationSummary): ResultsRow {
  const { inputSize, cropPct, interpolation } = model.preprocessing;
  const claim = claims[0]?.accuracy;
  return {
    model: model.name,
    top1: report.top1.toFixed(3),
    top1_err: (100 - report.top1).toFixed(3),
    top5: report.top5.toFixed(3),
    top5_err: (100 - report.top5).toFixed(3),
    param_count: (countParameters(model.config) / 1e6).toFixed(2),
    img_size: inputSize,
    crop_pct: cropPct,
    interpolation,
    card_top1: claim?.[0].toFixed(3) ?? "",
    card_top5: claim?.[1].toFixed(3) ?? "",
  };
}

/**
 * Adds a row to a table of results; makes the table when there is none.
 *
 * @throws UsageError `usage/results-file` when the file has other columns.
 */
export async function appendResultsRow(path: string, row: ResultsRow): Promise<void> {
  const header = stringify([Object.keys(row)]);
  const present = await readFile(path, "utf8").catch(() => "");
  if (present !== "" && !present.startsWith(header)) {
    throw new UsageError(
      "usage/results-file",
      `${path}: is there already with other columns; expected ${header.trim()}.`,
    );
  }
  await appendFile(path, (present === "" ? header : "") + stringify([Object.values(row)]));
}
