export { changesOf, manifestSchema, type Manifest, type Origin } from "./stages/manifest.ts";
export { perceptualHash, topScores, type ClassScore } from "./score/score-images.ts";
export {
  scoreFactsKey,
  scoreFactsSchema,
  type ScoreFacts,
  type ScoreRow,
  type ReferenceRow,
  type SelectionRow,
} from "./tables.ts";
export {
  readSelection,
  rowsAtRanks,
  type ClassSelection,
  type DuplicateSummary,
  type Ranking,
  type SelectionSummary,
} from "./select/selection.ts";
export type {
  CheckedSelection,
  SelectImages,
  SelectImagesOptions,
  SelectionOptions,
} from "./select/selection-options.ts";
export { selectImages } from "./select/select-images.ts";
export {
  selectInMemory,
  type ScoreTable,
  type SelectInMemoryOptions,
  type Selection,
  type TableRows,
} from "./select/select-in-memory.ts";
export { shownArms } from "./report/arms.ts";
export { semiReport } from "./report/semi-report.ts";
export { meanOf, plusMinus, spread } from "./report/statistics.ts";
export {
  verdictOf,
  type ComparedModels,
  type TestComparison,
  type CrossValidatedComparison,
  type ClassCounts,
  type Verdict,
} from "./report/verdict.ts";
export { stripClasses, stripRanks } from "./report/selection.ts";
export type {
  SemiReportData,
  MeasuredOn,
  OwnArm,
  OwnPhotos,
  Adaptation,
  OwnClassifier,
  OwnTuning,
  Compared,
  TrainingMatch,
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
  type SemiGroup,
  type RecipeChoice,
  type SemiSettings,
} from "./settings/settings.ts";
export {
  parseSettings,
  resolveSettings,
  settingsText,
  type SettingsLayer,
} from "./settings/resolve-settings.ts";
export type { RunSemiOptions } from "./run-options.ts";
export { runSemi } from "./run-semi.ts";
export type { PlannedStage, SemiEvent, StageStatus } from "./events.ts";
export type { SemiPlatform } from "./platform.ts";
export {
  openReferenceWriter,
  openScoreWriter,
  readScoreFacts,
  type ScoreWriter,
} from "./score/score-files.ts";
export type { TableWriter } from "./parquet-table.ts";
export { planRuns, variantName, type PlannedRun } from "./plan/plan-runs.ts";
export type { Stage, StageKind, Start, TrainingSettings, TrainingStage } from "./plan/stage.ts";
export {
  suggestImages,
  type SuggestImagesOptions,
  type Suggestion,
  type Suggestions,
} from "./suggest/suggest-images.ts";
export {
  judgeImages,
  type JudgedCounts,
  type JudgedImage,
  type JudgedImages,
  type JudgeImagesOptions,
} from "./suggest/judge-images.ts";
