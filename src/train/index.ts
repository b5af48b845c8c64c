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
export {
  slotOf,
  trainingGraph,
  type StateTensor,
  type TrainingGraph,
  type TrainingGraphOptions,
} from "./training-graph.ts";
