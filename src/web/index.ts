export { decodeImage } from "./images/decode-image.ts";
export { createSession } from "./ort-session.ts";
export { openTrainingStep } from "./training-step.ts";
