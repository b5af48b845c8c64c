import type { InferenceSession } from "onnxruntime-node";
import { SessionError } from "../../core/index.ts";
import { outOfMemory } from "./run-failed.ts";
import type { Device, ModelFile } from "../../runtime/index.ts";
import { onnxRuntime } from "../onnx-runtime.ts";

export interface OpenRequest {
  readonly model: ModelFile;
  readonly device: Device;
  readonly threads: number;
}

// What goes wrong comes back as an error; ONNX Runtime's own lines on stderr would say it twice.
onnxRuntime.env.logLevel = "fatal";

/** Opens the model with ONNX Runtime, and names what went wrong if it does not. */
export async function openInferenceSession({
  model,
  device,
  threads,
}: OpenRequest): Promise<InferenceSession> {
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
    throw explain(error, device, typeof model === "string" ? model : `a model of ${model.byteLength} bytes`);
  }
}

function explain(cause: unknown, device: Device, model: string): SessionError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (outOfMemory.test(message)) {
    return new SessionError("runtime/out-of-memory", `${model}: no memory to open it: ${message}`, { cause });
  }
  if (noDevice.test(message)) {
    return new SessionError(
      "runtime/device-unavailable",
      `Device "${device}" is not available on this machine. Use "cpu", or install its driver. ` +
        `ONNX Runtime says: ${message.trim()}`,
      { cause },
    );
  }
  return new SessionError("runtime/model-rejected", `${model}: ONNX Runtime refuses it: ${message.trim()}`, {
    cause,
  });
}

const noDevice =
  /backend not found|failed to load (shared )?library|no supported adapters|webgpu (adapter|device)|CUDA failure|no CUDA-capable/i;
