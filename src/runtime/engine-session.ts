import type { Tensor } from "../core/tensor.ts";
import type { SessionRequest } from "./session.ts";

export type Tensors = Readonly<Record<string, Tensor>>;

/** A model that an engine holds ready in this thread. Runs take place one after another, and may block the thread. */
export interface EngineSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** The only number of images that it takes at once, if there is one. */
  readonly batch: number | undefined;
  /**
   * The feeds are read in the caller's memory.
   *
   * @throws SessionError `runtime/run-failed`, `runtime/out-of-memory`
   */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Tensors>;
}

/** Opens a model in this thread. @throws SessionError as `CreateSession` does */
export type OpenEngineSession = (request: SessionRequest) => Promise<EngineSession>;
