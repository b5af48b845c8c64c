import { engines, requireEngine, type Engine } from "../../runtime/engine.ts";
import type { OpenEngineSession } from "../../runtime/engine-session.ts";
import { openOrtSession } from "./onnxruntime/onnx-runtime.ts";

/** How each engine opens a model; those that need what may not be there are loaded when they are asked for. */
const openWith: Readonly<Record<Engine, OpenEngineSession>> = {
  onnxruntime: openOrtSession,
  openvino: async (request) => (await import("./openvino/session.ts")).openOpenVinoSession(request),
};

/** Opens a model in this worker thread with the engine that is asked for. */
export const openEngineSession: OpenEngineSession = (request) => {
  requireEngine(request, engines);
  return openWith[request.engine](request);
};
