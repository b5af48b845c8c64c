export { chart, type Chart, type ChartPoint, type Curve } from "./chart.ts";
export { confusionPage } from "./confusion-page.ts";
export { confusionFigure } from "./confusion.ts";
export type {
  EpochRecord,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./data.ts";
export { factTable, type Fact } from "./facts.ts";
export { compact, count, percent, significant } from "./figures.ts";
export { markup, type Content, type Markup } from "./markup.ts";
export { page } from "./page.ts";
export { shareCell } from "./share-cell.ts";
export { sortHead } from "./sort-head.ts";
export { thumbnailPicture } from "./thumbnail-picture.ts";
export { axisOver, type Axis } from "./ticks.ts";
export { trainingReport } from "./training-report.ts";
