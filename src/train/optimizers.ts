import {
  add,
  clip,
  div,
  exp,
  float32,
  input,
  mul,
  reduceSum,
  sgdUpdate,
  sqrt,
  sub,
  type Value,
} from "../graph/index.ts";
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
function decays(parameter: Float, decay: Decay): boolean {
  return decay === "all" || parameter.shape.length > 1;
}

export interface SgdOptions {
  /** @default 0.9 */
  readonly momentum?: number;
  /** Nesterov's momentum, as timm's `sgd`; classical is timm's `momentum`. @default false */
  readonly nesterov?: boolean;
  /** @default 1e-4 */
  readonly weightDecay?: number;
  /** @default "weights" */
  readonly decay?: Decay;
}

/**
 * Stochastic gradient descent as torch defines it; the defaults are the paper's.
 *
 * g = dP + λP, m = μm + g, P = P - lr · m (classical) or P - lr · (g + μm) (Nesterov)
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum: mu = 0.9, nesterov = false, weightDecay = 1e-4, decay = "weights" } = options;
  return {
    slots: ["momentum"],
    update(parameter, gradient, [momentum], { learningRate }) {
      const [updated, moved] = sgdUpdate(parameter, gradient, momentum!, learningRate, {
        momentum: mu,
        weight_decay: decays(parameter, decay) ? weightDecay : 0,
        nesterov: nesterov ? 1 : 0,
      });
      return { parameter: updated, slots: [moved] };
    },
  };
}

export interface AdamWOptions {
  /** @default [0.9, 0.999] */
  readonly betas?: readonly [number, number];
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** Decoupled from the gradient. @default 0.01 */
  readonly weightDecay?: number;
  /** @default "weights" */
  readonly decay?: Decay;
}

/**
 * AdamW (Loshchilov and Hutter, 2019) as torch defines it.
 *
 * m = β₁m + (1 - β₁)g, v = β₂v + (1 - β₂)g², P = (1 - lr·λ)P - lr · m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ)
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decay = "weights" } = options;
  const [beta1, beta2] = betas;
  return {
    slots: ["exp_avg", "exp_avg_sq"],
    update(parameter, gradient, [mean, square], { learningRate, step }) {
      const m = average(mean!, gradient, beta1);
      const v = average(square!, mul(gradient, gradient), beta2);
      const deviation = add(sqrt(div(v, correction(beta2, step))), float32(epsilon));
      const direction = div(div(m, correction(beta1, step)), deviation);
      const decaying = weightDecay > 0 && decays(parameter, decay);
      const kept = decaying
        ? mul(parameter, sub(float32(1), mul(learningRate, float32(weightDecay))))
        : parameter;
      return { parameter: sub(kept, mul(direction, learningRate)), slots: [m, v] };
    },
  };
}

const average = (old: Float, now: Float, beta: number): Float =>
  add(mul(old, float32(beta)), mul(now, float32(1 - beta)));

/** 1 - βᵗ, by which an average that started at zero is too small after t steps. */
const correction = (beta: number, step: Float): Float =>
  sub(float32(1), exp(mul(step, float32(Math.log(beta)))));
