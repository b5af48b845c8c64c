import { SessionError } from "../core/index.ts";
import { isOutOfMemory } from "./out-of-memory.ts";

/** What ONNX Runtime threw during a run, as an error with a code. */
export function runFailed(cause: unknown): SessionError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = isOutOfMemory(message) ? "runtime/out-of-memory" : "runtime/run-failed";
  return new SessionError(code, `ONNX Runtime could not run the model: ${message.trim()}`, { cause });
}
