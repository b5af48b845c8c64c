export { encodeProgram, type EncodedProgram } from "./encoded-program.ts";
export { openRunner, type RunnerOptions } from "./open-runner.ts";
export type { Gradients, StateValues, StepRunner } from "./step-runner.ts";
export { trainingStepOn, type ExchangeGradients, type TrainingStepOptions } from "./training-step-on.ts";
export type { StepBatch, StepRates, StepResult, TrainingStep } from "./training-step.ts";
