import type { ArmRun, Start } from "../../../semi/index.ts";
import type { StandingRun } from "./standing-run.ts";

/** The accuracy of a stage's model and what it took; undefined unless it is measured. */
export function armRun(run: StandingRun, folder: string): ArmRun | undefined {
  const measured = run.results?.models.find(({ stage }) => stage === folder);
  if (!measured) return undefined;
  const { top1, top5 } = measured;
  return { seed: run.settings.seed, top1, top5, ...trainingCost(run, folder) };
}

/** Cost of a training together with those that it started from, where it is one of the run's; a teacher's is no part of its student's. */
function trainingCost(
  { stages, manifests }: StandingRun,
  folder: string,
): Pick<ArmRun, "imagesProcessed" | "seconds"> {
  if (!manifests.has(folder)) return { imagesProcessed: undefined, seconds: undefined };
  let [imagesProcessed, seconds] = [0, 0];
  for (let at: string | undefined = folder; at !== undefined;) {
    const manifest = manifests.get(at)!;
    imagesProcessed += manifest.counts["imagesProcessed"]!;
    seconds += manifest.seconds;
    const start = stages.find((stage) => stage.folder === at)?.settings["start"] as Start | undefined;
    at = start && "folder" in start ? start.folder : undefined;
  }
  return { imagesProcessed, seconds };
}
