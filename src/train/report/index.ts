export { confusionPage } from "./confusion-page.ts";
export type {
  EpochRecord,
  Fact,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./data.ts";
export { trainingReport } from "./training-report.ts";
