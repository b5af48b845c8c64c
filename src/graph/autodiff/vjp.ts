import type { Float, Node } from "../value.ts";

/**
 * Vector-Jacobian product of an op: from the gradients of its outputs to those of its inputs.
 *
 * @param node The forward node; its inputs and outputs may be read again.
 * @param grads One per output; `undefined` where nothing depends on that output.
 * @returns One per input, before un-broadcasting; `undefined` for inputs without gradient.
 */
export type Vjp<N = Node> = (
  node: N,
  grads: readonly (Float | undefined)[],
) => readonly (Float | undefined)[];

/** Why an op has no gradient. */
export interface NonDifferentiable {
  readonly nonDifferentiable: string;
}
