export { decodeImage } from "./images/decode-image.ts";
export { blobUri, browserStorageFor, indexedDbStorage, opfsStorage } from "./storage/browser-storage.ts";
export { createSession } from "./ort-session.ts";
export { openTrainingStep } from "./training-step.ts";
