import { add, float32, mul, sub, type Value } from "../graph/index.ts";

type Float = Value<"float32">;

/** Stochastic gradient descent as torch defines it. */
export interface SgdOptions {
  /** @default 0.9 */
  readonly momentum: number;
  /** Nesterov's momentum, as timm's `sgd`; classical is timm's `momentum`. @default false */
  readonly nesterov: boolean;
  /** @default 1e-4 */
  readonly weightDecay: number;
  /** Parameters that decay: `weights` are those of convolutions and linear layers, as timm. @default "weights" */
  readonly decay: "weights" | "all";
}

/** The paper's optimiser. */
export const defaultSgd: SgdOptions = { momentum: 0.9, nesterov: false, weightDecay: 1e-4, decay: "weights" };

export interface Updated {
  readonly parameter: Float;
  readonly momentum: Float;
}

/**
 * One step of SGD on one parameter.
 *
 * g = dP + λP, m = μm + g, P = P - lr · m (classical) or P - lr · (g + μm) (Nesterov)
 */
export function sgd(
  parameter: Float,
  gradient: Float,
  momentum: Float,
  learningRate: Float,
  options: SgdOptions,
): Updated {
  const decays = options.weightDecay > 0 && (options.decay === "all" || parameter.shape.length > 1);
  const g = decays ? add(gradient, mul(parameter, float32(options.weightDecay))) : gradient;
  const next = add(mul(momentum, float32(options.momentum)), g);
  const direction = options.nesterov ? add(g, mul(next, float32(options.momentum))) : next;
  return { parameter: sub(parameter, mul(direction, learningRate)), momentum: next };
}
