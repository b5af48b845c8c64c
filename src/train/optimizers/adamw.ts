import { add, div, exp, float32, mul, sqrt, sub } from "../../graph/index.ts";
import { decays, type Decay, type Float, type Optimizer } from "./optimizer.ts";

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
