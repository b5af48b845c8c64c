import { sgdUpdate } from "../../graph/index.ts";
import { decays, type Decay, type Optimizer } from "./optimizer.ts";

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
