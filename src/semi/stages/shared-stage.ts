import { UsageError } from "../../core/index.ts";
import { checkRanks, type EmbeddingEngine, type Ranks } from "../../train/index.ts";
import type { PlannedStage } from "../events.ts";
import type { Stage, TrainingStage } from "../plan/stage.ts";
import type { SemiSettings } from "../settings/settings.ts";

/** A stage that all ranks train together: plain data. */
export interface SharedStage {
  readonly settings: SemiSettings;
  readonly stage: Stage;
  readonly ranOn: EmbeddingEngine;
}

/** Whether a stage trains by steps, which ranks can share; a head is fitted at once. */
export const isSharedStage = (stage: Stage): stage is TrainingStage =>
  "recipe" in stage.settings && stage.settings.recipe.mode !== "head";

/**
 * Makes sure that ranks have something to train together.
 *
 * @param plan What stands already is not trained again, whatever its batches are.
 * @throws UsageError `train/ranks` for stages without steps, and for batches that do not come out even
 */
export function requireShared(stages: readonly Stage[], plan: readonly PlannedStage[], ranks: Ranks): void {
  const shared = stages.filter(isSharedStage);
  const done = new Set(plan.flatMap(({ stage, status }) => (status === "done" ? [stage] : [])));
  for (const { folder, settings } of shared) if (!done.has(folder)) checkRanks(settings.recipe, ranks);
  if (shared.length > 0) return;
  throw new UsageError(
    "train/ranks",
    "This run fits classifiers at once, and has no steps of training that several ranks could share: start it with one process.",
  );
}

/** Tells the other ranks what they train next with the first one, or that there is nothing left. */
export async function callRanks(ranks: Ranks, next: SharedStage | undefined): Promise<void> {
  await ranks.gather(new TextEncoder().encode(JSON.stringify(next ?? null)));
}

/** What the first rank says. @returns undefined when nothing is left */
export async function calledStage(ranks: Ranks): Promise<SharedStage | undefined> {
  const [told] = await ranks.gather(new Uint8Array());
  return (JSON.parse(new TextDecoder().decode(told)) as SharedStage | null) ?? undefined;
}
