import { apply } from "./apply.ts";
import { buildGraph, type Graph } from "./graph.ts";
import { atScope } from "./scope.ts";
import type { Node, Value } from "./value.ts";

/** Gives a node's new outputs from its already rewritten inputs, or `undefined` to keep the node as it is. */
export type RewriteRule = (
  node: Node,
  inputs: readonly (Value | undefined)[],
) => readonly Value[] | undefined;

/** Rebuilds a graph node by node; nodes that no rule touches and whose inputs stay are shared with the old graph. */
export function rewrite(graph: Graph, rule: RewriteRule): Graph {
  const replaced = new Map<Value, Value>();
  const current = (value: Value): Value => replaced.get(value) ?? value;

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => value && current(value));
    const changed = inputs.some((value, index) => value !== node.inputs[index]);
    const outputs = atScope(
      node.scope,
      () => rule(node, inputs) ?? (changed ? apply(node.op, inputs, node.attributes) : node.outputs),
    );
    for (const [index, output] of node.outputs.entries()) replaced.set(output, outputs[index]!);
  }
  return buildGraph(Object.fromEntries([...graph.outputs].map(([name, value]) => [name, current(value)])));
}

/** How many times each value is read, by nodes or as an output of the graph. */
export function countUses(graph: Graph): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const read = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) for (const value of node.inputs) if (value) read(value);
  for (const value of graph.outputs.values()) read(value);
  return uses;
}
