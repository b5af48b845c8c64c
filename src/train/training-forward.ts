import { elementCount } from "../core/index.ts";
import {
  add,
  allButChannels,
  batchNormalization,
  batchNormTraining,
  currentScope,
  float32,
  input,
  mul,
  type Value,
} from "../graph/index.ts";
import type { Forward, ParameterSpec } from "../nn/index.ts";

type Float = Value<"float32">;

/** A parameter or running statistic that enters the graph, and what it is after the step. */
interface Variable extends ParameterSpec {
  readonly value: Float;
}

export interface TrainingForward {
  readonly forward: Forward;
  /** In state-dict order, filled while the network is defined. */
  readonly variables: readonly Variable[];
  /** New running statistics by name. */
  readonly statistics: ReadonlyMap<string, Float>;
}

/** torch's share of a batch in the running statistics. */
const batchShare = 0.1;

/**
 * Evaluation for training: parameters are inputs of the graph, normalisation uses the batch's statistics and
 * keeps running ones.
 *
 * @param batchNorm `frozen` uses the stored statistics and leaves them as they are.
 */
export function trainingForward(batchNorm: "live" | "frozen"): TrainingForward {
  const variables: Variable[] = [];
  const statistics = new Map<string, Float>();
  const parameter: Forward["parameter"] = (name, dims, init, kind = "parameter") => {
    const path = `${currentScope()}.${name}`;
    const value = input(path, "float32", dims);
    variables.push({ name: path, dims, init, kind, value });
    return value;
  };

  const live: Forward["normalise"] = (x, { weight, bias, runningMean, runningVar }, epsilon) => {
    const { y, mean, variance } = batchNormTraining(x, weight, bias, epsilon);
    const count = elementCount(allButChannels(x).map((axis) => x.shape[axis] as number));
    // torch tracks the unbiased variance, though it normalises with the biased one.
    const unbiased = mul(variance, float32(count / (count - 1)));
    statistics.set(nameOf(runningMean), average(runningMean, mean));
    statistics.set(nameOf(runningVar), average(runningVar, unbiased));
    return y;
  };

  const normalise = batchNorm === "live" ? live : batchNormalization;
  return { forward: { parameter, normalise, branch: (y) => y, pooled: (x) => x }, variables, statistics };
}

function average(running: Float, batch: Float): Float {
  return add(mul(running, float32(1 - batchShare)), mul(batch, float32(batchShare)));
}

const nameOf = ({ source }: Float): string => (source.kind === "input" ? source.name : "");
