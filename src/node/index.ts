export { cacheFolder, hubStorage } from "./hub-storage.ts";
export { pretrainedWeights } from "./pretrained-weights.ts";
export { installOnnxRuntime, onnxRuntimeVersion } from "./install-onnx-runtime.ts";
export { openFileSource, type FileSource } from "./file-source.ts";
export { decodeImage } from "./decode-image.ts";
export { explanationPng } from "./explanation-png.ts";
export { openImages } from "./images/open-images.ts";
export { machineResources } from "./machine-resources.ts";
export { createSession } from "./ort-session.ts";
export { createImagePipeline } from "./image-pipeline.ts";
export { createModel, type CreateModelOptions } from "./create-model.ts";
export { openModel, type ModelOptions, type ModelSource } from "./open-model.ts";
export { cpuBlockSize } from "./block-size.ts";
export { openTrainingLoader } from "./training/index.ts";
export { trainHead, type HeadEvent, type TrainHeadOptions } from "./head/index.ts";
export { openTrainingStep, trainingProgramFor, type OpenTrainingStepOptions } from "./step/index.ts";
export {
  trainModel,
  type RecipeValues,
  type TrainingEvent,
  type TrainModelOptions,
} from "./trainer/index.ts";
export * from "./semi/index.ts";
