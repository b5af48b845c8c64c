import { SessionError } from "../core/index.ts";
import type { Device } from "./device.ts";
import { isOutOfMemory } from "./out-of-memory.ts";

/** What ONNX Runtime threw when it opened `model`, as an error with a code. */
export function openFailed(cause: unknown, device: Device, model: string): SessionError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (isOutOfMemory(message)) {
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
