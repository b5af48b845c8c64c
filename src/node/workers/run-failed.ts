import { SessionError } from "../../core/index.ts";

/** Whether ONNX Runtime's message tells of memory that could not be had. */
export const outOfMemory: RegExp = /bad_alloc|failed to allocate|out of memory|not enough memory/i;

/** What ONNX Runtime threw during a run, as an error with a code. */
export function runFailed(cause: unknown): SessionError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = outOfMemory.test(message) ? "runtime/out-of-memory" : "runtime/run-failed";
  return new SessionError(code, `ONNX Runtime could not run the model: ${message.trim()}`, { cause });
}
