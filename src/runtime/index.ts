export {
  engineDevices,
  engines,
  type Device,
  type Engine,
  type EngineRequest,
  type FloatPrecision,
  type Precision,
} from "./engine.ts";
export type { EngineSession, OpenEngineSession } from "./engine-session.ts";
export type {
  CreateSession,
  ModelFile,
  RunOptions,
  Session,
  SessionRequest,
  SessionOptions,
  ImageFeeds,
  ImagePipeline,
  ImageResult,
  ImageRunOptions,
} from "./session.ts";
export {
  planExecution,
  type ExecutionConditions,
  type ExecutionPlan,
  type PlanOverrides,
} from "./execution-plan.ts";
export { type OnnxRuntime, openFailed, runFailed } from "./onnx-runtime.ts";
export type {
  ModelChunks,
  Platform,
  StoredModel,
  CallOptions,
  StartThread,
  Thread,
  ThreadOptions,
  ThreadScript,
} from "./platform.ts";
export { sessionWorker, threadSessions, type SessionWorkerParts } from "./thread-session.ts";
export {
  answerCallsOn,
  threadOver,
  type Answer,
  type Call,
  type CallerPort,
  type Methods,
  type Reply,
  type Request,
  type WorkerPort,
} from "./thread-calls.ts";
