import { add, div, exp, float32, mul, sgdUpdate, sqrt, sub, type Value } from "../graph/index.ts";

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
