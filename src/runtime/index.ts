export { devices, type Device } from "./device.ts";
export type { CreateSession, ModelFile, RunOptions, Session, SessionOptions } from "./session.ts";
export {
  planExecution,
  type ExecutionConditions,
  type ExecutionPlan,
  type PlanOverrides,
} from "./execution-plan.ts";
export type { ImageFeeds, ImagePipeline, ImageResult, ImageRunOptions } from "./image-result.ts";
