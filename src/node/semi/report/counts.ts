import type { PipelineCounts, SelectionSummary } from "../../../semi/index.ts";
import { lastManifest, type StandingRun } from "./standing-run.ts";

/** Sizes of the data at each stage of a run whose scores stand. */
export function counts(
  run: StandingRun,
  { labelled, classes }: { readonly labelled: number; readonly classes: number },
  summary: SelectionSummary | undefined,
): PipelineCounts {
  const { images, broken } = lastManifest(run, "score")!.counts as Record<"images" | "broken", number>;
  return {
    taught: run.settings.teach,
    labelled,
    unlabelled: images + broken,
    score: { images, broken, p: Math.min(run.settings.p, classes) },
    select: summary,
    pretrainImages: lastManifest(run, "pretrain")?.counts["imagesProcessed"],
    finetuneImages: lastManifest(run, "finetune")?.counts["imagesProcessed"],
  };
}
