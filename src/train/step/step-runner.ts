import type { StepBatch, StepRates, StepResult } from "./training-step.ts";

/** Values of the state's tensors by name. */
export type StateValues = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What a step gives before the update. */
export interface Gradients extends StepResult {
  /** All of them, one after another. */
  readonly gradients: Float32Array<ArrayBuffer>;
}

/**
 * A training program on the sessions that run it, in this thread or in another. It is asked one thing at a time.
 * Whatever fails leaves the state as it was; SessionError `runtime/out-of-memory`, `runtime/run-failed`.
 */
export interface StepRunner {
  /** Takes one step. */
  step(batch: StepBatch, rates: StepRates): Promise<StepResult>;
  /** The first half of a step: up to the gradients, whose array is the caller's until `update` or `discard`. */
  gradients(batch: StepBatch, rates: StepRates): Promise<Gradients>;
  /** The second half; it takes the array. */
  update(gradients: Float32Array<ArrayBuffer>, rates: StepRates): Promise<void>;
  /** Goes back to the state before a first half. */
  discard(): Promise<void>;
  /** A copy of the state. */
  read(): Promise<StateValues>;
  /** Replaces the state; it takes the arrays. */
  write(values: StateValues): Promise<void>;
  release(): Promise<void>;
}
