import { confusionMatrix, type ConfusionMatrix } from "../../../predict/index.ts";
import type { ArmConfusion, StageKind } from "../../../semi/index.ts";
import type { StandingRun } from "./standing-run.ts";

/** Where the models of the settings as they are err, over all seeds together. */
export function confusion(runs: readonly StandingRun[], classes: number): ArmConfusion {
  const base = runs.filter(({ variant }) => variant === undefined);
  return {
    teacher: total(base, "teach", classes),
    supervised: total(base, "supervised", classes),
    finetuned: total(base, "finetune", classes),
  };
}

function total(runs: readonly StandingRun[], kind: StageKind, classes: number): ConfusionMatrix | undefined {
  const matrices = runs.flatMap((run) => {
    const measured = run.results?.models.findLast((model) => model.kind === kind);
    return measured?.confusion.length === classes ** 2 ? [measured.confusion] : [];
  });
  if (matrices.length === 0) return undefined;
  const sum = confusionMatrix(classes);
  for (const counts of matrices) {
    for (const [cell, count] of counts.entries()) sum.counts[cell]! += count;
  }
  return sum;
}
