import { buildGraph, input, relu } from "../../graph/index.ts";
import { engines, requireEngine, type EngineRequest } from "../../runtime/engine.ts";
import type { Platform } from "../../runtime/index.ts";
import { openSession } from "./image-pipeline.ts";

/**
 * Refuses an engine that is not installed, or lacks the device or the precision on this machine: opens a graph of one operator with
 * it. ONNX Runtime is always there.
 *
 * @throws SessionError as the engines throw it
 */
export async function requireEngineHere(platform: Platform, request: EngineRequest): Promise<void> {
  requireEngine(request, engines);
  if (request.engine === "onnxruntime") return;
  const session = await openSession(platform, buildGraph({ y: relu(input("x", "float32", [1])) }), request);
  await session.release();
}
