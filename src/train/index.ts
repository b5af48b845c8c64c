export { adamW, type AdamWOptions } from "./optimizers/adamw.ts";
export type { Decay, Optimizer, StepInputs, Updated } from "./optimizers/optimizer.ts";
export { sgd, type SgdOptions } from "./optimizers/sgd.ts";
export * from "./head/index.ts";
export {
  confusionPage,
  trainingReport,
  type EpochRecord,
  type Fact,
  type Mistake,
  type StepRecord,
  type SweepRecord,
  type TrainingReportData,
  type ValidationRecord,
} from "./report/index.ts";
export * from "./recipe/index.ts";
export * from "./trainer/index.ts";
export { drawMasks, type MaskPosition, type RandomMask } from "./random-masks.ts";
export { nextOf, slotOf, type StateTensor } from "./state-tensor.ts";
export type { TrainingForwardOptions } from "./training-forward.ts";
export type { TrainingLossOptions } from "./training-loss.ts";
export { trainingProgram, type TrainingProgram, type TrainingProgramOptions } from "./training-program.ts";
export type { UpdateOptions } from "./update-parameters.ts";
export { initialTrainingState, type InitialTrainingStateOptions } from "./initial-training-state.ts";
export * from "./step/index.ts";
