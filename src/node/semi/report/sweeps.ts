import type { SemiSettings, SweepFigure, SweepPoint } from "../../../semi/index.ts";
import { lastManifest, lastStage, type StandingRun } from "./standing-run.ts";
import { sweptVariants } from "./variants.ts";

/** Accuracy of the student over each setting that was swept and can be put on an axis. */
export function sweeps(runs: readonly StandingRun[], settings: SemiSettings): readonly SweepFigure[] {
  return [...sweptVariants(settings)].flatMap(([key, variants]) => {
    const points = [undefined, ...variants.map(({ name }) => name)].flatMap((variant) =>
      sweepPoint(
        runs.filter((run) => run.variant === variant),
        key,
      ),
    );
    const values = new Set(points.map(({ value }) => value));
    if (values.size < 2) return [];
    return [{ title: titles[key] ?? key, lines: [{ name: "fine-tuned student", points }] }];
  });
}

const titles: Readonly<Record<string, string>> = {
  k: "K, images of each class",
  p: "P, classes kept of each image",
  labelled: "Labelled images",
  unlabelled: "Unlabelled images",
  pretrainRecipe: "Images processed in pre-training",
  finetuneRecipe: "Images processed in fine-tuning",
};

/** The accuracies of the runs of one value, one for each seed; no point where the value is no number. */
function sweepPoint(runs: readonly StandingRun[], key: string): readonly SweepPoint[] {
  const measured = runs.flatMap((run) => {
    const student = lastStage(run, "finetune")?.folder;
    const model = run.results?.models.find(({ stage }) => stage === student);
    return model ? [{ run, top1: model.top1 }] : [];
  });
  const [first] = measured;
  const value = first && valueOf(first.run, key);
  return value === undefined ? [] : [{ value, top1: measured.map(({ top1 }) => top1) }];
}

/** A setting as a number: data and lengths of trainings by how many images they come to. */
function valueOf(run: StandingRun, key: string): number | undefined {
  const derived = counted[key]?.(run);
  if (derived !== undefined) return derived;
  const value = run.settings[key as keyof SemiSettings];
  return typeof value === "number" ? value : undefined;
}

const counted: Readonly<Record<string, (run: StandingRun) => number | undefined>> = {
  k: (run) => lastManifest(run, "select")?.counts["k"],
  labelled: (run) => lastManifest(run, "finetune")?.counts["images"],
  unlabelled: (run) => lastManifest(run, "score")?.counts["images"],
  pretrainRecipe: (run) => lastManifest(run, "pretrain")?.counts["imagesProcessed"],
  finetuneRecipe: (run) => lastManifest(run, "finetune")?.counts["imagesProcessed"],
};
