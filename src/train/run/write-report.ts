import { writeText } from "../../core/storage/index.ts";
import { decodeOptionsOf, type DecodeLimits } from "../../image/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import {
  leftOutText,
  problemsFact,
  type DataProblem,
  type ImageItem,
  type ImageSource,
} from "../../data/index.ts";
import {
  classesOf,
  classNames,
  confusionMatrix,
  countPrediction,
  type ConfidenceFit,
  type ValidatedImage,
} from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import type { Device } from "../../runtime/index.ts";
import type { EmbeddingEngine } from "../head/embed-images.ts";
import type { CrossValidation, HeadEvent } from "../head/train-head.ts";
import type { TrainingPlatform } from "../platform.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { Recipe } from "../recipe/fields.ts";
import type {
  CrossValidationRecord,
  Mistake,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "../report/training-report-data.ts";
import { trainingReport } from "../report/training-report.ts";
import { engineFacts } from "./run-engine.ts";
import type { HistoryRow, RunFolder } from "./run-folder.ts";
import type { TrainingData } from "./training-data.ts";
import { keptMistakes, type Validation } from "./validator.ts";

/** What a run has to show. */
interface RunReport {
  readonly platform: TrainingPlatform;
  readonly folder: RunFolder;
  readonly status: NonNullable<TrainingReportData["status"]>;
  readonly description: ModelDescription;
  readonly recipe: Recipe;
  readonly device: Device;
  /** What embedded the images of a head, and measured it. */
  readonly ranOn?: EmbeddingEngine | undefined;
  readonly decode: DecodeLimits;
  readonly rows: readonly HistoryRow[];
  readonly sweep?: readonly SweepRecord[] | undefined;
  /** Of the best weights. */
  readonly validation: Validation | undefined;
  readonly validationName: string;
  /** Of a head on the images that it was trained on. */
  readonly crossValidation?: CrossValidation | undefined;
  /** How sure the weights are. */
  readonly confidenceFit?: ConfidenceFit | undefined;
  readonly data: Pick<TrainingData, "training" | "name" | "leftOut">;
  readonly problems: readonly DataProblem[] | undefined;
}

/** Writes the page that shows a run. */
export async function writeReport(run: RunReport): Promise<void> {
  const { platform, folder, description, rows, validation, crossValidation } = run;
  const { leftOut } = run.data;
  const page = trainingReport({
    title: folder.name,
    summary: `${description.provenance["model"]} on ${description.provenance["data"]}.`,
    status: run.status,
    classes: classNames(await classesOf(description)),
    epochs: rows.filter((row) => row.type === "epoch"),
    steps: rows.filter((row) => row.type === "step"),
    sweep: run.sweep,
    validation: validation && (await validationRecord(run, validation)),
    crossValidation: crossValidation && (await crossValidationRecord(run, crossValidation)),
    sureness: run.confidenceFit,
    recipe: recipeFacts(run.recipe),
    provenance: [
      ...Object.entries(description.provenance)
        .filter(([name]) => name !== "recipe")
        .map(([name, value]) => ({ name, value })),
      ...(leftOut ? [{ name: "left out of the images", value: leftOutText(leftOut).join("; ") }] : []),
      ...problemsFact(run.problems),
    ],
    machine: [...platform.machineFacts(run.device), ...(run.ranOn ? engineFacts(run.ranOn) : [])],
  });
  await writeText(folder.storage, folder.report, page);
}

async function validationRecord(run: RunReport, { report, mistakes }: Validation): Promise<ValidationRecord> {
  const { top1, top5, confusion, failed } = report;
  const shown = await Promise.all(mistakes.map((mistake) => withThumbnail(run, mistake)));
  return { data: run.validationName, top1, top5, confusion, failed, mistakes: shown };
}

async function crossValidationRecord(
  run: RunReport,
  { folds, top1, top5, notJudged, images }: CrossValidation,
): Promise<CrossValidationRecord> {
  const { data, description } = run;
  const confusion = confusionMatrix(description.config.numClasses);
  for (const { target, predicted } of images) countPrediction(confusion, target, predicted);
  const wrong = images
    .filter(({ target, predicted }) => predicted !== target)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, keptMistakes);
  const items = await itemsNamed(data.training, new Set(wrong.map(({ id }) => id)));
  const mistakes = await Promise.all(
    wrong.map((image) => withThumbnail(run, { ...image, item: items.get(image.id)! })),
  );
  return { data: data.name, folds, notJudged, top1, top5, confusion, failed: 0, mistakes };
}

async function itemsNamed(
  images: ImageSource,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ImageItem>> {
  const found = new Map<string, ImageItem>();
  if (names.size === 0) return found;
  for await (const item of images) if (names.has(item.id)) found.set(item.id, item);
  return found;
}

async function withThumbnail(
  { platform, description, decode }: RunReport,
  { item, target, predicted, probability }: Omit<ValidatedImage, "logits">,
): Promise<Mistake> {
  const thumbnail = await platform.thumbnail(item, decodeOptionsOf(description.preprocessing, decode));
  return { id: item.id, target, predicted, probability, thumbnail };
}

function recipeFacts(recipe: Recipe): readonly Fact[] {
  return Object.entries(effectiveRecipe(recipe)).map(([name, value]) => ({
    name,
    value: typeof value === "object" ? (value?.join(", ") ?? "none") : value,
  }));
}

/** The strengths of the penalty that were tried for a head. */
export function sweepOf(events: readonly HeadEvent[]): readonly SweepRecord[] {
  const taken = events.find((event) => event.type === "fitted");
  return events
    .filter((event) => event.type === "tried")
    .map(({ features, l2, loss, top1, images }) => ({
      features,
      l2,
      loss,
      top1,
      images,
      chosen: features === taken?.features && l2 === taken.l2,
    }));
}
