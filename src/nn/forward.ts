import type { StateDict } from "../core/index.ts";
import { batchNormalization, type BatchNormParameters, type Value } from "../graph/index.ts";
import { constantParameters, type ParameterScope } from "./parameters.ts";

type Float = Value<"float32">;

/** How a network is evaluated: what differs between inference and training, and nothing else. */
export interface Forward {
  /** Where parameters come from. */
  readonly parameter: ParameterScope;
  /** Batch normalisation of [N, C, H, W]. */
  normalise(x: Float, parameters: BatchNormParameters<"float32">, epsilon: number): Float;
  /** The residual branch of a block, before it is added to its shortcut. */
  branch(y: Float): Float;
  /** The pooled features [N, C], before the classifier. */
  pooled(x: Float): Float;
}

/** Stored statistics, nothing dropped. */
export function evaluation(parameter: ParameterScope): Forward {
  return { parameter, normalise: batchNormalization, branch: (y) => y, pooled: (x) => x };
}

/** Evaluation with constant weights, by their state-dict names. */
export function inference(weights: StateDict): Forward {
  return evaluation(constantParameters(weights));
}
