import { countParameters, type ModelDescription } from "../../nn/index.ts";
import type { Accuracy, ValidationReport } from "../../predict/index.ts";
import { grouped } from "../output/numbers.ts";
import type { Style } from "../output/style.ts";
import { table } from "../output/table.ts";
import type { Claim } from "./claims.ts";

/** Everything that the end of a validation has to say. */
export interface ValidationSummary {
  readonly model: ModelDescription;
  readonly report: ValidationReport;
  readonly claims: readonly Claim[];
}

/** The summary as JSON: timm's fields, numbers in percent. */
export function summaryEntry(summary: ValidationSummary): object {
  const { model, report, claims } = summary;
  const { inputSize, cropPct, interpolation } = model.preprocessing;
  return {
    model: model.name,
    top1: report.top1,
    top1_err: 100 - report.top1,
    top5: report.top5,
    top5_err: 100 - report.top5,
    param_count: countParameters(model.config) / 1e6,
    img_size: inputSize,
    crop_pct: cropPct,
    interpolation,
    count: report.count,
    failed: report.failed,
    ...(report.real ? { real: report.real } : {}),
    claims: claims.map(({ source, accuracy: [top1, top5] }) => ({ source, top1, top5 })),
  };
}

/** The summary for reading. */
export function summaryLines({ report, claims }: ValidationSummary, style: Style): string[] {
  const measured = (name: string, { top1, top5, count }: Accuracy): string[] => [
    name,
    top1.toFixed(3),
    top5.toFixed(3),
    grouped(count),
  ];
  const [titles = "", own = "", ...others] = table(
    [
      { title: "accuracy in percent" },
      { title: "top-1", align: "right" },
      { title: "top-5", align: "right" },
      { title: "images", align: "right" },
    ],
    [
      measured("measured", report),
      ...(report.real ? [measured("measured, ReaL labels", report.real)] : []),
      ...claims.map(({ source, accuracy: [top1, top5] }) => [
        `claimed by ${source}`,
        top1.toFixed(3),
        top5.toFixed(3),
        "",
      ]),
    ],
  );
  return [titles, style.bold(own), ...others];
}
