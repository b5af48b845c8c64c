import type { ArmCurve, StageKind } from "../../../semi/index.ts";
import { readHistory } from "../../trainer/history.ts";
import { runFolder } from "../../trainer/run-folder.ts";
import { lastStage, type StandingRun } from "./standing-run.ts";

const names: readonly (readonly [StageKind, string])[] = [
  ["finetune", "fine-tuning"],
  ["supervised", "supervised"],
  ["pretrain", "pre-training"],
  ["teach", "teacher"],
];

/** How the trainings of a run went, epoch by epoch. */
export async function curves(run: StandingRun): Promise<readonly ArmCurve[]> {
  const found: ArmCurve[] = [];
  for (const [kind, name] of names) {
    const folder = lastStage(run, kind)?.folder;
    if (folder === undefined || !run.manifests.has(folder)) continue;
    const rows = await readHistory(runFolder(run.context.path(folder)).history);
    found.push({ name, points: rows.filter((row) => row.type === "epoch") });
  }
  return found;
}
