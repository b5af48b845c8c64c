export type {
  EpochRecord,
  Fact,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./data.ts";
