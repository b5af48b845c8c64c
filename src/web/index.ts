export { createSession } from "./ort-session.ts";
export { openTrainingStep } from "./open-training-step.ts";
