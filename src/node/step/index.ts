export { openTrainingStep, type OpenTrainingStepOptions } from "./open-training-step.ts";
export { trainingProgramFor } from "./training-program-for.ts";
