import { writeText } from "../../core/storage/index.ts";
import type { DecodeOptions } from "../../image/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import { classNames, type ValidatedImage } from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import type { Device } from "../../runtime/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { Recipe } from "../recipe/fields.ts";
import type {
  Mistake,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "../report/training-report-data.ts";
import { trainingReport } from "../report/training-report.ts";
import type { HistoryRow, RunFolder } from "./run-folder.ts";
import type { Validation } from "./validator.ts";

/** What a run has to show. */
interface RunReport {
  readonly platform: TrainingPlatform;
  readonly folder: RunFolder;
  readonly status: NonNullable<TrainingReportData["status"]>;
  readonly description: ModelDescription;
  readonly recipe: Recipe;
  readonly device: Device;
  readonly decode: DecodeOptions;
  readonly rows: readonly HistoryRow[];
  readonly sweep?: readonly SweepRecord[] | undefined;
  /** Of the best weights. */
  readonly validation: Validation | undefined;
  readonly validationName: string;
}

/** Writes the page that shows a run. */
export async function writeReport(run: RunReport): Promise<void> {
  const { platform, folder, description, rows, validation } = run;
  const page = trainingReport({
    title: folder.name,
    summary: `${description.provenance["model"]} on ${description.provenance["data"]}.`,
    status: run.status,
    classes: classNames(description),
    epochs: rows.filter((row) => row.type === "epoch"),
    steps: rows.filter((row) => row.type === "step"),
    sweep: run.sweep,
    validation: validation && (await validationRecord(run, validation)),
    recipe: recipeFacts(run.recipe),
    provenance: Object.entries(description.provenance)
      .filter(([name]) => name !== "recipe")
      .map(([name, value]) => ({ name, value })),
    machine: platform.machineFacts(run.device),
  });
  await writeText(folder.storage, folder.report, page);
}

async function validationRecord(
  { platform, decode, validationName }: RunReport,
  { report, mistakes }: Validation,
): Promise<ValidationRecord> {
  const { top1, top5, confusion, failed } = report;
  const shown = await Promise.all(mistakes.map((mistake) => withThumbnail(platform, mistake, decode)));
  return { data: validationName, top1, top5, confusion, failed, mistakes: shown };
}

async function withThumbnail(
  { thumbnail }: TrainingPlatform,
  { item, target, predicted, probability }: ValidatedImage,
  decode: DecodeOptions,
): Promise<Mistake> {
  return { id: item.id, target, predicted, probability, thumbnail: await thumbnail(item, decode) };
}

function recipeFacts(recipe: Recipe): readonly Fact[] {
  return Object.entries(effectiveRecipe(recipe)).map(([name, value]) => ({
    name,
    value: typeof value === "object" ? (value?.join(", ") ?? "none") : value,
  }));
}
