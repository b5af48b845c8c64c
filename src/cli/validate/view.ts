import { accuracyText, printable } from "../../core/index.ts";
import type { LeftOutFiles, RowsWithoutImage } from "../../data/index.ts";
import {
  countParameters,
  statedAccuracy,
  type Confidence,
  type NetworkDescription,
  type TopAccuracy,
} from "../../nn/index.ts";
import {
  perClass,
  type Accuracy,
  type ClassReport,
  type Model,
  type Reliability,
  tellsTop5,
  type ValidationReport,
} from "../../predict/index.ts";
import type { Engine } from "../../runtime/index.ts";
import { grouped } from "../output/numbers.ts";
import { table } from "../output/table.ts";
import type { Style } from "../output/terminal.ts";
import { confidenceLine } from "../train/view.ts";
import type { SummaryJson } from "./json.ts";

/** Everything that the end of a validation has to say. */
export interface ValidationSummary {
  readonly model: NetworkDescription;
  readonly engine: Engine;
  /** Classes that it chose among. */
  readonly numClasses: number;
  readonly report: ValidationReport;
  readonly rowsWithoutImage?: RowsWithoutImage | undefined;
  readonly claims: readonly Claim[];
  readonly leftOut?: readonly LeftOutFiles[] | undefined;
  /** What was fitted to the images, and the file that holds it. */
  readonly fitted?: { readonly file: string; readonly confidence: Confidence } | undefined;
}

/** The summary as JSON: timm's fields, numbers in percent. */
export function summaryEntry(summary: ValidationSummary): SummaryJson {
  const { model, engine, report, rowsWithoutImage, claims, leftOut, fitted } = summary;
  const { raw, scaled } = report.reliability;
  const { inputSize, cropPct, interpolation } = model.preprocessing;
  return {
    model: model.name,
    engine,
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
    ...surenessEntry(raw),
    ...(scaled && model.confidence
      ? { scaled: { temperature: model.confidence.temperature, ...surenessEntry(scaled) } }
      : {}),
    ...(fitted ? { fitted: fittedEntry(fitted) } : {}),
    ...(rowsWithoutImage ? { rowsWithoutImage } : {}),
    ...(report.real ? { real: report.real } : {}),
    ...(leftOut ? { leftOut } : {}),
    claims: claims.map(({ source, accuracy: [top1, top5] }) => ({ source, top1, top5 })),
  };
}

const surenessEntry = ({
  loss,
  calibrationError,
}: Reliability): Pick<Reliability, "loss" | "calibrationError"> => ({
  loss,
  calibrationError,
});

function fittedEntry({
  file,
  confidence: { temperature, unknownBelow, calibrationError },
}: NonNullable<ValidationSummary["fitted"]>): SummaryJson["fitted"] {
  return { file, temperature, unknownBelow, calibrationError: calibrationError!.scaled };
}

/** How sure the model is of the images, and how sure it may be. */
function surenessLines({ model: { confidence }, report, fitted }: ValidationSummary): string[] {
  const { raw, scaled } = report.reliability;
  const line = (of: string, { loss, calibrationError }: Reliability): string =>
    `${of}log loss ${loss.toFixed(4)}, expected calibration error ${calibrationError.toFixed(2)} %`;
  return [
    ...(report.count > 0 ? [line("", raw)] : []),
    ...(report.count > 0 && scaled && confidence
      ? [line(`at temperature ${confidence.temperature}: `, scaled)]
      : []),
    ...(fitted ? [`${printable(fitted.file)}: ${confidenceLine(fitted.confidence)}`] : []),
  ];
}

/** The summary for reading. */
export function summaryLines(summary: ValidationSummary, style: Style): string[] {
  const { numClasses, report, claims } = summary;
  const hasTop5 = tellsTop5(numClasses);
  const row = (name: string, [top1, top5]: readonly string[], images: string): string[] => [
    name,
    top1!,
    ...(hasTop5 ? [top5!] : []),
    images,
  ];
  const measured = (name: string, { top1, top5, count }: Accuracy): string[] =>
    row(
      name,
      [top1, top5].map((share) => accuracyText(share, count, 3)),
      grouped(count),
    );
  const [titles = "", own = "", ...others] = table(
    [
      { title: "accuracy" },
      { title: "top-1", align: "right" },
      ...(hasTop5 ? ([{ title: "top-5", align: "right" }] as const) : []),
      { title: "images", align: "right" },
    ],
    [
      ...(report.count > 0 || !report.real ? [measured("measured", report)] : []),
      ...(report.real ? [measured("measured, ReaL labels", report.real)] : []),
      ...claims.map(({ source, accuracy }) =>
        row(
          `claimed by ${source}`,
          accuracy.map((share) => accuracyText(share, undefined, 3)),
          "",
        ),
      ),
    ],
  );
  return [titles, style.bold(own), ...others, ...surenessLines(summary)];
}

/** An accuracy that was published for the model. */
interface Claim {
  readonly source: string;
  readonly accuracy: TopAccuracy;
}

/** What the card or the file states for the data that a subset stands for. */
export function claimsFor({ card, description }: Model, subset: string | undefined): readonly Claim[] {
  const stated = subset === undefined ? statedAccuracy(description) : undefined;
  if (stated) return [{ source: `its file, on ${stated.testSet}`, accuracy: stated.accuracy }];
  if (card === undefined || description.classes !== "imagenet-1k") return [];
  const { cardAccuracy, timmAccuracy } = card;
  switch (subset) {
    case undefined:
      return [
        { source: "the card, on ImageNet", accuracy: cardAccuracy },
        { source: "timm, on ImageNet", accuracy: timmAccuracy.imagenet },
      ];
    case "imagenet-a":
      return [{ source: "timm, on ImageNet-A", accuracy: timmAccuracy.imagenetA }];
    case "imagenet-r":
      return [{ source: "timm, on ImageNet-R", accuracy: timmAccuracy.imagenetR }];
    default:
      return [];
  }
}

/** Figures of each class that has images, as JSON. */
export function perClassEntries(
  report: ValidationReport,
  classes: readonly string[],
): NonNullable<SummaryJson["perClass"]> {
  return seen(report).map(({ index, ...figures }) => ({ index, label: classes[index]!, ...figures }));
}

/** Figures of each class that has images, the worst recall first. */
export function perClassLines(
  report: ValidationReport,
  classes: readonly string[],
  columns: number,
): string[] {
  return table(
    [
      { title: "class", shrink: true },
      { title: "images", align: "right" },
      { title: "recall", align: "right" },
      { title: "precision", align: "right" },
      { title: "F1", align: "right" },
    ],
    seen(report).map(({ index, support, predicted, recall, precision, f1 }) => [
      printable(classes[index] ?? `${index}`),
      grouped(support),
      accuracyText(recall, support, 2),
      accuracyText(precision, predicted, 2),
      Number.isNaN(f1) ? "–" : f1.toFixed(2),
    ]),
    columns,
  );
}

function seen(report: ValidationReport): ClassReport[] {
  return perClass(report.confusion)
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.recall - b.recall || a.index - b.index);
}
