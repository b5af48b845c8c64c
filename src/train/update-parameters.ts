import { add, clip, div, float32, input, mul, reduceSum, sqrt, type Value } from "../graph/index.ts";
import { sgd, type Float, type Optimizer } from "./optimizers.ts";
import { nextOf, slotOf, type StateTensor } from "./state-tensor.ts";
import type { Variable } from "./training-loss.ts";

export interface UpdateOptions {
  /** @default sgd() */
  readonly optimizer?: Optimizer;
  /** Largest norm of all gradients together. @default none */
  readonly clipNorm?: number;
  /** Factor of the learning rate for a parameter. @default 1 */
  readonly rateFactor?: (name: string) => number;
  /** Keeps an exponential moving average of weights and running statistics with this decay. @default none */
  readonly emaDecay?: number;
}

interface Update {
  /** New values by the name of the graph's output. */
  readonly outputs: Readonly<Record<string, Value>>;
  /** What is remembered from step to step besides the variables: the optimiser's slots, averages. */
  readonly remembered: readonly StateTensor[];
}

/**
 * The optimiser's part of a step. Its inputs are `learning_rate` [] and, if the optimiser needs it, the number
 * of the `step` [] from 1.
 *
 * @param trained Parameters, and their gradients in the same order.
 * @param statistics Running statistics that moved, with what they are now.
 */
export function updateParameters(
  trained: readonly Variable[],
  gradients: readonly Float[],
  statistics: readonly Variable[],
  { optimizer = sgd(), clipNorm, rateFactor = () => 1, emaDecay }: UpdateOptions,
): Update {
  const learningRate = input("learning_rate", "float32", []);
  const step = input("step", "float32", []);
  const grads = clipNorm === undefined ? gradients : clipGradients(gradients, clipNorm);
  const outputs: Record<string, Value> = {};
  const remembered: StateTensor[] = [];
  const recall = (tensor: StateTensor): Float => {
    remembered.push(tensor);
    return input(tensor.name, "float32", tensor.dims);
  };
  const average = ({ name, dims }: Variable, value: Float): void => {
    if (emaDecay === undefined) return;
    const slot = slotOf(name, "ema");
    const old = recall({ name: slot, dims });
    outputs[nextOf(slot)] = add(mul(old, float32(emaDecay)), mul(value, float32(1 - emaDecay)));
  };

  for (const [index, variable] of trained.entries()) {
    const { name, dims, value } = variable;
    const names = optimizer.slots.map((slot) => slotOf(name, slot));
    const slots = names.map((slot) => recall({ name: slot, dims }));
    const factor = rateFactor(name);
    const rate = factor === 1 ? learningRate : mul(learningRate, float32(factor));
    const updated = optimizer.update(value, grads[index]!, slots, { learningRate: rate, step });
    outputs[nextOf(name)] = updated.parameter;
    for (const [slot, moved] of updated.slots.entries()) outputs[nextOf(names[slot]!)] = moved;
    average(variable, updated.parameter);
  }
  for (const statistic of statistics) average(statistic, statistic.value);
  return { outputs, remembered };
}

type Gradient = Value<"float32">;

/** Scales all gradients together so that their norm is at most `maxNorm`, as torch's `clip_grad_norm_`. */
function clipGradients(gradients: readonly Gradient[], maxNorm: number): readonly Gradient[] {
  const squares = gradients.map((gradient) =>
    reduceSum(
      mul(gradient, gradient),
      gradient.shape.map((_, axis) => axis),
      { keepdims: 0 },
    ),
  );
  const norm = sqrt(squares.reduce(add));
  // torch's 1e-6 keeps a zero norm from dividing.
  const factor = clip(div(float32(maxNorm), add(norm, float32(1e-6))), float32(0), float32(1));
  return gradients.map((gradient) => mul(gradient, factor));
}
