export { devices, type Device } from "./device.ts";
export type { CreateSession, ModelFile, RunOptions, Session, SessionOptions } from "./session.ts";
export {
  planExecution,
  type ExecutionConditions,
  type ExecutionPlan,
  type PlanOverrides,
} from "./execution-plan.ts";
export type { OnnxRuntime } from "./onnx-runtime.ts";
export { openFailed } from "./open-failed.ts";
export { runFailed } from "./run-failed.ts";
export type { ImageFeeds, ImagePipeline, ImageResult, ImageRunOptions } from "./image-result.ts";
