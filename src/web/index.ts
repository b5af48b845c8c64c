export { createSession } from "./ort-session.ts";
export { openTrainingStep } from "./training-step.ts";
