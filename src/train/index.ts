export { adamW, type AdamWOptions } from "./optimizers/adamw.ts";
export type { Decay, Optimizer, StepInputs, Updated } from "./optimizers/optimizer.ts";
export { sgd, type SgdOptions } from "./optimizers/sgd.ts";
export type {
  EpochRecord,
  Fact,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./report/index.ts";
export { drawMasks, type MaskPosition, type RandomMask } from "./random-masks.ts";
export { nextOf, slotOf, type StateTensor } from "./state-tensor.ts";
export type { TrainingForwardOptions } from "./training-forward.ts";
export type { TrainingLossOptions } from "./training-loss.ts";
export { trainingProgram, type TrainingProgram, type TrainingProgramOptions } from "./training-program.ts";
export type { UpdateOptions } from "./update-parameters.ts";
export { initialTrainingState, type InitialTrainingStateOptions } from "./initial-training-state.ts";
export type { StepBatch, StepRates, StepResult, TrainingStep } from "./training-step.ts";
