import { ModelError, type StateDict, type TensorSource } from "../core/index.ts";
import {
  batchNormalization,
  constant,
  currentScope,
  input,
  type BatchNormParameters,
  type Value,
} from "../graph/index.ts";

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

/** How a parameter starts before training. */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly std: number }
  | { readonly kind: "uniform"; readonly bound: number };

export interface ParameterSpec {
  /** torchvision's state-dict name. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly init: Init;
  /** Buffers (running statistics) are kept by the layers and not trained. */
  readonly kind: "parameter" | "buffer";
}

/** Where a module takes its parameters from: the one thing that differs between its uses. */
export type ParameterScope = (
  name: string,
  dims: readonly number[],
  init: Init,
  kind?: ParameterSpec["kind"],
) => Value<"float32">;

const fullName = (name: string): string => [currentScope(), name].filter((part) => part !== "").join(".");

/** Parameters as constants of the graph, by their state-dict names: for inference. */
export function constantParameters(weights: StateDict): ParameterScope {
  return (name, dims) => {
    const key = fullName(name);
    const found = weights.get(key);
    if (found?.dtype !== "float32" || found.dims.join() !== dims.join()) {
      const got = found ? `${found.dtype} [${found.dims.join(", ")}]` : "nothing";
      throw new ModelError(
        "model/weights-mismatch",
        `${key}: expected float32 [${dims.join(", ")}], got ${got}; fit the state dict to the model first.`,
      );
    }
    return constant(found as TensorSource<"float32">, key);
  };
}

/** Runs a module to learn what parameters it has, in state-dict order. */
export function collectParameters(module: (parameters: ParameterScope) => void): readonly ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  module((name, dims, init, kind = "parameter") => {
    specs.push({ name: fullName(name), dims, init, kind });
    return input(fullName(name), "float32", dims);
  });
  return specs;
}
