export { changesOf, manifestSchema, type Manifest, type Origin } from "./manifest.ts";
export { perceptualHash, topScores, type ClassScore } from "./score.ts";
export {
  scoreFactsKey,
  scoreFactsSchema,
  type ScoreFacts,
  type ScoreRow,
  type ReferenceRow,
  type SelectionRow,
} from "./tables.ts";
export type { ClassSelection, DuplicateSummary, Ranking, SelectionSummary } from "./selection.ts";
export type { SelectImages, SelectImagesOptions, SelectionOptions } from "./select-images.ts";
export {
  selectInMemory,
  type ScoreTable,
  type SelectInMemoryOptions,
  type Selection,
  type TableRows,
} from "./select-in-memory.ts";
export { shownArms } from "./report/arms.ts";
export { semiReport } from "./report/semi-report.ts";
export { meanOf, plusMinus, spread } from "./report/statistics.ts";
export { stripClasses, stripRanks } from "./report/selection.ts";
export type {
  SemiReportData,
  MeasuredOn,
  Arm,
  ArmRun,
  PipelineCounts,
  ScoreCounts,
  SelectCounts,
  SelectionRecord,
  SelectedClass,
  RankPrecision,
  StripImage,
  ArmConfusion,
  ArmCurve,
  ArmCurvePoint,
  SweepFigure,
  SweepLine,
  SweepPoint,
  StageCost,
} from "./report/data.ts";
export {
  semiFields,
  semiKeys,
  type SemiFields,
  type SemiGroup,
  type RecipeChoice,
  type SemiSettings,
} from "./settings.ts";
export { parseSettings, resolveSettings, settingsText, type SettingsLayer } from "./resolve-settings.ts";
export {
  planRuns,
  variantName,
  type PlannedRun,
  type Stage,
  type StageKind,
  type Start,
  type TrainingSettings,
} from "./plan.ts";
