import { createRequire } from "node:module";
import { join } from "node:path";
import type * as OnnxRuntime from "onnxruntime-node";
import type { InferenceSession } from "onnxruntime-node";
import { openFailed } from "../../runtime/onnx-runtime.ts";
import type { SessionRequest } from "../../runtime/session.ts";
import { installOnnxRuntime } from "./install-onnx-runtime.ts";

/** onnxruntime-node from beside this package, or else from the cache, where it is installed if need be. */
async function load(): Promise<typeof OnnxRuntime> {
  const require = createRequire(import.meta.url);
  try {
    require.resolve("onnxruntime-node");
  } catch {
    const folder = await installOnnxRuntime();
    return createRequire(join(folder, "package.json"))("onnxruntime-node") as typeof OnnxRuntime;
  }
  return require("onnxruntime-node") as typeof OnnxRuntime;
}

/** ONNX Runtime; importing this module loads it, so only worker threads do. */
export const onnxRuntime: typeof OnnxRuntime = await load();

// What goes wrong comes back as an error; ONNX Runtime's own lines on stderr would say it twice.
onnxRuntime.env.logLevel = "fatal";

/** Opens the model with ONNX Runtime, and names what went wrong if it does not. */
export async function openInferenceSession({
  model,
  device,
  threads,
}: SessionRequest): Promise<InferenceSession> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [device],
    intraOpNumThreads: threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
  };
  try {
    // Each of the two has a signature of its own.
    if (typeof model === "string") return await onnxRuntime.InferenceSession.create(model, options);
    return await onnxRuntime.InferenceSession.create(model, options);
  } catch (error) {
    throw openFailed(
      error,
      device,
      typeof model === "string" ? model : `a model of ${model.byteLength} bytes`,
    );
  }
}
