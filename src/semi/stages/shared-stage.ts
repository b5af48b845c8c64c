import type { EmbeddingEngine, Ranks } from "../../train/index.ts";
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

/** Tells the other ranks what they train next with the first one, or that there is nothing left. */
export async function callRanks(ranks: Ranks, next: SharedStage | undefined): Promise<void> {
  await ranks.gather(new TextEncoder().encode(JSON.stringify(next ?? null)));
}

/** What the first rank says. @returns undefined when nothing is left */
export async function calledStage(ranks: Ranks): Promise<SharedStage | undefined> {
  const [told] = await ranks.gather(new Uint8Array());
  return (JSON.parse(new TextDecoder().decode(told)) as SharedStage | null) ?? undefined;
}
