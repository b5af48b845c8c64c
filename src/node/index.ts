export { cacheFolder } from "./files/file-system.ts";
export { hubStorage, pretrainedWeights } from "./files/hub-storage.ts";
export { installOnnxRuntime, onnxRuntimeVersion } from "./engines/onnxruntime/install-onnx-runtime.ts";
export { openFileSource } from "./files/file-storage.ts";
export { decodeImage } from "./images/decode-image.ts";
export { explanationPng } from "./images/encode-image.ts";
export { createModel, openImages, openModel } from "./library.ts";
export { nodePlatform } from "./platform.ts";
export { createSession } from "./engines/onnxruntime/ort-session.ts";
export { cpuBlockSize } from "./engines/onnxruntime/block-size.ts";
export {
  openTrainingLoader,
  openTrainingStep,
  trainHead,
  trainingProgramFor,
  trainModel,
  nodeTrainingPlatform,
} from "./training.ts";
export type {
  CrossValidation,
  HeadEvent,
  JudgedImage,
  OpenTrainingStepOptions,
  TrainedHead,
  TrainHeadOptions,
} from "../train/index.ts";
export {
  judgeImages,
  nodeSemiPlatform,
  openReferenceWriter,
  openScoreWriter,
  readScoreFacts,
  readSelection,
  rowsAtRanks,
  runSemi,
  selectImages,
  suggestImages,
} from "./semi.ts";
export type {
  JudgedImages,
  JudgeImagesOptions,
  PlannedStage,
  RunSemiOptions,
  ScoreWriter,
  SelectImagesOptions,
  SemiEvent,
  StageStatus,
  SuggestImagesOptions,
  Suggestions,
  TableWriter,
} from "../semi/index.ts";
