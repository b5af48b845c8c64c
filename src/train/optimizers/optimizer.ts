import type { Value } from "../../graph/index.ts";

export type Float = Value<"float32">;

/** What a step knows besides the parameter itself. */
export interface StepInputs {
  readonly learningRate: Float;
  /** Number of this step, from 1; a scalar. */
  readonly step: Float;
}

export interface Updated {
  readonly parameter: Float;
  /** The slots after the step, in their order. */
  readonly slots: readonly Float[];
}

/** A rule that updates one parameter from its gradient and from what it remembers of it. */
export interface Optimizer {
  /** Names of the tensors that it keeps for each parameter, of the parameter's shape and zero at first. */
  readonly slots: readonly string[];
  update(parameter: Float, gradient: Float, slots: readonly Float[], inputs: StepInputs): Updated;
}

/** Parameters that decay: `weights` are those of convolutions and linear layers, as in timm. */
export type Decay = "weights" | "all";

/** Whether a parameter of this rank decays. */
export function decays(parameter: Float, decay: Decay): boolean {
  return decay === "all" || parameter.shape.length > 1;
}
