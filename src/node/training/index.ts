export { openTrainingLoader } from "./open-training-loader.ts";
