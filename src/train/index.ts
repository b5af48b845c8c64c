export {
  adamW,
  type AdamWOptions,
  type Decay,
  type Optimizer,
  type StepInputs,
  type Updated,
  sgd,
  type SgdOptions,
  type UpdateOptions,
} from "./optimizers.ts";
export {
  type Examples,
  headGraph,
  type HeadGraphOptions,
  headObjective,
  type HeadObjective,
  type LogitRows,
} from "./head/head-objective.ts";
export {
  defaultStrengths,
  fitHead,
  type FitHeadOptions,
  type HeadFit,
  headsAtOnce,
  type RowPredictions,
  type StrengthTried,
} from "./head/fit-head.ts";
export {
  centring,
  type Embeddings,
  type Features,
  type FeatureTransform,
  foldTransform,
  halfWhitening,
  headLogits,
  type LinearHead,
  transform,
} from "./head/feature-transform.ts";
export type { EmbeddedImages, EmbeddingEngine } from "./head/embed-images.ts";
export {
  engineFacts,
  engineOfRun,
  engineText,
  keepEngine,
  requireEngineOfRun,
  type AskedEngine,
} from "./run/run-engine.ts";
export type { Evaluation } from "./head/minimise.ts";
export { confusionPage } from "./report/confusion.ts";
export { trainingReport } from "./report/training-report.ts";
export type {
  EpochRecord,
  Mistake,
  StepRecord,
  SweepRecord,
  TrainingReportData,
  ValidationRecord,
} from "./report/training-report-data.ts";
export type { Fact } from "../report/elements.ts";
export {
  builtInRecipes,
  defaultRecipe,
  recipeNames,
  type BuiltInRecipe,
  type RecipeName,
} from "./recipe/recipe.ts";
export {
  recipeFields,
  recipeKeys,
  type RecipeGroup,
  fieldOf,
  type Field,
  type FieldValues,
  type Recipe,
} from "./recipe/fields.ts";
export {
  always,
  effectiveRecipe,
  idleSince,
  refuseIdle,
  when,
  type AskedValue,
  type Condition,
  type Effects,
} from "./recipe/effects.ts";
export { chooseMode, countLabels, type ChosenMode } from "./recipe/choose-mode.ts";
export { learningRateAt, type ScheduleOptions } from "./recipe/learning-rate.ts";
export {
  parseRecipe,
  recipeText,
  resolveRecipe,
  askedOf,
  type RecipeLayer,
  type ResolveOptions,
  parseYamlValues,
  yamlValuesText,
  type NamedValues,
} from "./recipe/resolve-recipe.ts";
export {
  checkResume,
  type RunIdentity,
  decodeTrainingRecord,
  encodeTrainingRecord,
  type DataRecord,
  type TrainingRecord,
} from "./trainer/training-record.ts";
export {
  explainMemory,
  type RunStore,
  type TrainingParts,
  type TrainingState,
  type Validated,
  trainEpochs,
} from "./trainer/train-epochs.ts";
export {
  type CheckpointEvent,
  type ConfidenceEvent,
  type EpochEvent,
  type EpochsEvent,
  type FinishedEvent,
  type InPartsEvent,
  type ProblemsEvent,
  type SkippedEvent,
  type SmallerBatchEvent,
  type StartedEvent,
  type StepEvent,
  type StoppedEvent,
  summaryCsv,
} from "./trainer/events.ts";
export {
  trainingPlan,
  type TrainingPlan,
  checkNetwork,
  fitBatch,
  planOver,
  programOptions,
  runBytes,
  startPosition,
  tensorBytes,
  type BestEpoch,
  type TrainingPosition,
} from "./trainer/plan.ts";
export { drawMasks, type MaskPosition, type RandomMask } from "./random-masks.ts";
export { nextOf, slotOf, type StateTensor } from "./state-tensor.ts";
export type { TrainingForwardOptions, TrainingLossOptions } from "./training-loss.ts";
export {
  trainingProgram,
  type TrainingProgram,
  type TrainingProgramOptions,
  initialTrainingState,
  type InitialTrainingStateOptions,
} from "./training-program.ts";
export { encodeProgram, type EncodedProgram } from "./step/encoded-program.ts";
export { openRunner, type RunnerOptions } from "./step/open-runner.ts";
export {
  type Gradients,
  type StateValues,
  type StepRunner,
  trainingStepOn,
  type ExchangeGradients,
  type TrainingStepOptions,
  type StepBatch,
  type StepRates,
  type StepResult,
  type TrainingStep,
} from "./step/training-step.ts";
export { openTrainingLoader } from "./loader/open-training-loader.ts";
export { openTrainingStep, trainingProgramFor, type OpenTrainingStepOptions } from "./step/thread-step.ts";
export {
  type CrossValidation,
  type HeadEvent,
  type JudgedImage,
  trainHead,
  type TrainedHead,
  type TrainHeadOptions,
  whiteningImages,
} from "./head/train-head.ts";
export { classLikeness, type ClassLikeness } from "./head/class-likeness.ts";
export {
  fitNoneClass,
  type NoneClass,
  type NoneClassFit,
  type NoneClassOptions,
  trainNoneClass,
} from "./head/none-class.ts";
export { trainModel } from "./run/train-model.ts";
export type { RecipeValues, TrainingEvent, TrainModelOptions } from "./run/options.ts";
export { checkRanks, type Ranks } from "./run/ranks.ts";
export { checkClasses, partsOf, wholeOrValidation, type NamedImages } from "./run/training-data.ts";
export {
  crossValidationName,
  type CrossValidatedImage,
  readConfidence,
  readCrossValidation,
  readHistory,
  runFolder,
  type HistoryRow,
  type RunFolder,
} from "./run/run-folder.ts";
export { reliabilitySection, type Sureness } from "./report/reliability.ts";
export type { TrainingPlatform } from "./platform.ts";
