export { checkResume, type RunIdentity } from "./check-resume.ts";
export { explainMemory } from "./errors.ts";
export type {
  CheckpointEvent,
  EpochEvent,
  EpochsEvent,
  FinishedEvent,
  SkippedEvent,
  StartedEvent,
  StepEvent,
  StoppedEvent,
} from "./events.ts";
export { trainingPlan, type TrainingPlan } from "./plan.ts";
export { startPosition, type BestEpoch, type TrainingPosition } from "./position.ts";
export { programOptions } from "./program-options.ts";
export type { RunStore, TrainingParts, TrainingState, Validated } from "./run.ts";
export { summaryCsv } from "./summary-csv.ts";
export { trainEpochs } from "./train-epochs.ts";
export {
  decodeTrainingRecord,
  encodeTrainingRecord,
  type DataRecord,
  type TrainingRecord,
} from "./training-record.ts";
