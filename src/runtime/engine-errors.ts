import { SessionError } from "../core/errors.ts";
import type { ModelFile } from "./session.ts";

/** What engines are called. */
type EngineTitle = "ONNX Runtime" | "OpenVINO";

/** What an engine threw when it opened a model, as an error with a code. @param model What it is called */
export function engineOpenFailed(engine: EngineTitle, cause: unknown, model: string): SessionError {
  const message = messageOf(cause);
  return isOutOfMemory(message)
    ? new SessionError("runtime/out-of-memory", `${model}: no memory to open it: ${beginningOf(message)}`, {
        cause,
      })
    : new SessionError("runtime/model-rejected", `${model}: ${engine} refuses it: ${beginningOf(message)}`, {
        cause,
      });
}

/** What an engine threw during a run, or what was wrong with what it was given, as an error with a code. */
export function engineRunFailed(engine: EngineTitle, cause: unknown): SessionError {
  const message = messageOf(cause);
  const code = isOutOfMemory(message) ? "runtime/out-of-memory" : "runtime/run-failed";
  return new SessionError(code, `${engine} could not run the model: ${beginningOf(message)}`, { cause });
}

/** What errors call a model. */
export const modelTitle = (model: ModelFile): string =>
  typeof model === "string" ? model : `a model of ${model.byteLength} bytes`;

/** What an engine says of a failure. */
export const messageOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).trim();

/** What is given on of a message: of a graph with many faults the first. */
const beginningOf = (message: string): string =>
  message.length > longest ? `${message.slice(0, longest)} …` : message;

const longest = 400;

/** Whether a message of an engine, or of JavaScript's, tells of memory that could not be had. */
export function isOutOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate|allocation failed|out of memory|not enough memory/i.test(message);
}
