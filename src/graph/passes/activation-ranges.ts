import { buildGraph, type Graph } from "../graph.ts";
import { concat, flatten } from "../ops/layout.ts";
import { reduceMax, reduceMin } from "../ops/reduction.ts";
import { ops } from "../ops/table.ts";
import type { Float, Node, Value } from "../value.ts";

/** The smallest and the largest value that an activation takes. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/** Ranges by who reads the activation: `layer1.0.conv2/Conv/0` is the first operand of that convolution. */
export type ActivationRanges = ReadonlyMap<string, ActivationRange>;

/** An activation that is to be quantised, and its readers' names. */
export interface QuantisedActivation {
  readonly value: Float;
  readonly readers: readonly string[];
}

/** A graph that gives the ranges of another's activations. */
export interface RangeGraph {
  /** Outputs `min` and `max` float32 [N, activations]. */
  readonly graph: Graph;
  /** Readers of each activation, in the order of the outputs' columns. */
  readonly readers: readonly (readonly string[])[];
}

/** Whether a node is a convolution whose weights and bias stand in the model. */
export function hasConstantFilters({ op, inputs: [, weight, bias] }: Node): boolean {
  const fixed = (value: Value | undefined): boolean =>
    value?.source.kind === "constant" && value.dtype === "float32";
  return op === ops.Conv && fixed(weight) && (bias === undefined || fixed(bias));
}

/** The activations that convolutions and additions read: what integer arithmetic needs ranges for. */
export function quantisedActivations(graph: Graph): readonly QuantisedActivation[] {
  const readers = new Map<Float, string[]>();
  for (const node of graph.nodes) {
    const operands = hasConstantFilters(node)
      ? node.inputs.slice(0, 1)
      : node.op === ops.Add && node.inputs.every(isActivation)
        ? node.inputs
        : [];
    for (const [index, value] of (operands as readonly Float[]).entries()) {
      const reader = `${node.scope}/${node.op.type}/${index}`;
      readers.set(value, [...(readers.get(value) ?? []), reader]);
    }
  }
  return [...readers].map(([value, names]) => ({ value, readers: names }));
}

function isActivation(value: Value | undefined): boolean {
  return value?.dtype === "float32" && value.source.kind !== "constant";
}

/** Writes the graph that reduces every activation to its range, so that none of them has to leave the runtime. */
export function rangeGraph(graph: Graph): RangeGraph {
  const activations = quantisedActivations(graph);
  const ranges = (reduce: typeof reduceMin): Float =>
    flatten(
      concat(
        activations.map(({ value }) => reduce(value, [1, 2, 3])),
        1,
      ),
    );
  return {
    graph: buildGraph({ min: ranges(reduceMin), max: ranges(reduceMax) }),
    readers: activations.map(({ readers }) => readers),
  };
}
