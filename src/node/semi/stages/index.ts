import type { StageKind } from "../../../semi/index.ts";
import { openMeasure } from "./measure.ts";
import { openScore } from "./score.ts";
import { openSelect } from "./select.ts";
import type { OpenStage } from "./stage-work.ts";
import { openOnLabelled, openPretrain, openSupervised, openWeak } from "./training.ts";

const openers: Readonly<Record<StageKind, OpenStage>> = {
  weak: openWeak,
  teach: openOnLabelled,
  score: openScore,
  select: openSelect,
  pretrain: openPretrain,
  finetune: openOnLabelled,
  supervised: openSupervised,
  measure: openMeasure,
};

/** Looks at the inputs of a stage, whose needed stages are complete. */
export const openStage: OpenStage = (context, stage) => openers[stage.kind](context, stage);
