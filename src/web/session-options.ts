import * as onnxRuntime from "#onnxruntime-web";
import { callQueue, type CallQueue } from "../runtime/call-queue.ts";
import type { Device } from "../runtime/index.ts";

/** Runs of all sessions: they share one WebAssembly instance, which takes one at a time. */
export const runtimeCalls: CallQueue = callQueue();

/** How onnxruntime-web opens a session; `cpu` is WebAssembly. */
export function sessionOptions(
  device: Device,
  threads: number | undefined,
): onnxRuntime.InferenceSession.SessionOptions {
  // One setting for the page, which counts until the first session is opened.
  if (threads !== undefined) onnxRuntime.env.wasm.numThreads = threads;
  // What goes wrong comes back as an error; ONNX Runtime's own lines on the console would say it twice.
  onnxRuntime.env.logLevel = "fatal";
  return {
    executionProviders: [device === "cpu" ? "wasm" : device],
    graphOptimizationLevel: "all",
    enableMemPattern: false,
    logSeverityLevel: 4,
  };
}
