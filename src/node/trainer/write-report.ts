import { availableParallelism, cpus, totalmem } from "node:os";
import { basename, resolve } from "node:path";
import type { DecodeOptions } from "../../image/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import { classNames, type ValidatedImage } from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import type { Device } from "../../runtime/index.ts";
import {
  recipeKeys,
  trainingReport,
  type Mistake,
  type Recipe,
  type SweepRecord,
  type TrainingReportData,
  type ValidationRecord,
} from "../../train/index.ts";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { thumbnail } from "../images/encode-image.ts";
import { onnxRuntimeVersion } from "../onnx/install-onnx-runtime.ts";
import type { HistoryRow, RunFolder } from "./run-folder.ts";
import type { Validation } from "./validator.ts";

/** What a run has to show. */
interface RunReport {
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
  const { folder, description, rows, validation } = run;
  const page = trainingReport({
    title: basename(resolve(folder.path)),
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
    machine: machineFacts(run.device),
  });
  await writeFileAtomic(folder.report, [Buffer.from(page)]);
}

async function validationRecord(
  { decode, validationName }: RunReport,
  { report, mistakes }: Validation,
): Promise<ValidationRecord> {
  const { top1, top5, confusion, failed } = report;
  const shown = await Promise.all(mistakes.map((mistake) => withThumbnail(mistake, decode)));
  return { data: validationName, top1, top5, confusion, failed, mistakes: shown };
}

async function withThumbnail(
  { item, target, predicted, probability }: ValidatedImage,
  decode: DecodeOptions,
): Promise<Mistake> {
  return { id: item.id, target, predicted, probability, thumbnail: await thumbnail(item, decode) };
}

function recipeFacts(recipe: Recipe): readonly Fact[] {
  return recipeKeys.map((name) => {
    const value = recipe[name];
    return { name, value: typeof value === "object" ? (value?.join(", ") ?? "none") : value };
  });
}

/** What a run ran on. */
export function machineFacts(device: Device): readonly Fact[] {
  return [
    { name: "processor", value: cpus()[0]?.model ?? "unknown" },
    { name: "cores", value: availableParallelism() },
    { name: "memory", value: `${(totalmem() / 1e9).toFixed(1)} GB` },
    { name: "device", value: device },
    { name: "ONNX Runtime", value: onnxRuntimeVersion },
    { name: "Node", value: process.version },
    { name: "system", value: `${process.platform} ${process.arch}` },
  ];
}

/** Bytes that this process took at most. */
export const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;
