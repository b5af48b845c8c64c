import { GraphError } from "../../core/index.ts";
import { formatShape, type Node, type Value } from "../value.ts";

/** Floating-point values: the only ones that have gradients. */
export type Float = Value<"float32">;

/**
 * Vector-Jacobian product of an op: from the gradients of its outputs to those of its inputs.
 *
 * @param node The forward node; its inputs and outputs may be read again.
 * @param grads One per output; `undefined` where nothing depends on that output.
 * @returns One per input, before un-broadcasting; `undefined` for inputs without gradient.
 */
export type Vjp = (node: Node, grads: readonly (Float | undefined)[]) => readonly (Float | undefined)[];

/** Why an op has no gradient. */
export interface NonDifferentiable {
  readonly nonDifferentiable: string;
}

/** The shape of a value whose lengths are all known: gradients need them. */
export function staticShape(value: Value): readonly number[] {
  if (value.shape.every((dim) => typeof dim === "number")) return value.shape;
  throw new GraphError(
    "graph/dynamic-shape",
    `Gradients need known lengths, got ${formatShape(value.shape)}; build the graph for one batch size.`,
  );
}
