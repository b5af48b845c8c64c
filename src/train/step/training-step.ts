import type { StateDict, Tensor } from "../../core/index.ts";

/** Images and what they show, as a step takes them. */
export interface StepBatch {
  /** [N, C, H, W], normalised; N is the program's `batchSize` times `accumulate`. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [N, classes]: one-hot, smoothed or mixed. */
  readonly targets: Float32Array<ArrayBuffer>;
}

export interface StepRates {
  readonly learningRate: number;
  /** Number of this step, from 1. */
  readonly step: number;
}

export interface StepResult {
  /** Mean over the images, before the update. */
  readonly loss: number;
  /** Number of images whose largest logit is the class with the largest target, before the update. */
  readonly correct: number;
}

/** A training program that stands ready on a device, which keeps its state. Calls take place one after another. */
export interface TrainingStep {
  /**
   * Takes one step of the optimiser.
   *
   * The step keeps the memory of the batch: where it runs in a thread of its own, the caller's arrays are empty
   * afterwards.
   *
   * @throws SessionError `runtime/out-of-memory`, `runtime/run-failed`, `runtime/released`; UsageError
   *   `train/batch-size` for a batch of another size. The state is then that of the step before.
   */
  run(batch: StepBatch, rates: StepRates): Promise<StepResult>;
  /** A copy of the state: parameters, running statistics, what is remembered of them; all by name. */
  state(): Promise<ReadonlyMap<string, Tensor<"float32">>>;
  /**
   * Replaces the state.
   *
   * @throws WeightsError `weights/mismatch` when it does not have the program's tensors.
   */
  restore(state: StateDict): Promise<void>;
  /** Frees the memory. Calls under way, and later ones, reject with `runtime/released`. */
  release(): Promise<void>;
}
