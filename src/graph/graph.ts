import { GraphError } from "../core/index.ts";
import type { Node, Value } from "./value.ts";

/** A finished graph: named outputs and everything they are computed from. */
export interface Graph {
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  /** In an order in which every node stands after those it reads. */
  readonly nodes: readonly Node[];
  /** Constants that the nodes read, in the order of their first use. */
  readonly constants: readonly Value[];
}

/**
 * Collects what the outputs are computed from.
 *
 * @throws GraphError when two values share a name, one value has two, or an output is not computed by a node.
 */
export function buildGraph(outputs: Readonly<Record<string, Value>>): Graph {
  const inputs = new Map<string, Value>();
  const nodes: Node[] = [];
  const constants: Value[] = [];
  const seen = new Set<object>();

  const collectLeaf = (value: Value): void => {
    const { source } = value;
    if (source.kind === "node") return;
    if (source.kind === "constant") {
      if (seen.has(source)) return;
      seen.add(source);
      constants.push(value);
      return;
    }
    const known = inputs.get(source.name);
    if (known && known.source !== source) {
      throw new GraphError(
        "graph/duplicate-input",
        `Two different inputs are named "${source.name}"; make the input once and use the same value.`,
      );
    }
    inputs.set(source.name, value);
  };

  const names = new Map<Value, string>();
  for (const [name, output] of Object.entries(outputs)) {
    const other = names.get(output);
    if (other !== undefined) {
      throw new GraphError(
        "graph/invalid-output",
        `Outputs "${other}" and "${name}" are the same value; keep one.`,
      );
    }
    names.set(output, name);
    if (output.source.kind !== "node") {
      throw new GraphError(
        "graph/invalid-output",
        `Output "${name}" is no node's result; pass it through an op.`,
      );
    }
    for (const node of postOrder(output, seen)) {
      for (const value of node.inputs) if (value) collectLeaf(value);
      nodes.push(node);
    }
  }
  const shared = Object.keys(outputs).find((name) => inputs.has(name));
  if (shared !== undefined) {
    throw new GraphError(
      "graph/invalid-output",
      `An input and an output are both named "${shared}"; rename one.`,
    );
  }
  return { inputs, outputs: new Map(Object.entries(outputs)), nodes, constants };
}

/** Nodes below a value, each after those it reads. Iterative: deep networks must not exhaust the stack. */
function* postOrder(root: Value, seen: Set<object>): Generator<Node> {
  const stack: { readonly node: Node; next: number }[] = [];
  const enter = (value: Value | undefined): void => {
    if (value?.source.kind !== "node" || seen.has(value.source.node)) return;
    seen.add(value.source.node);
    stack.push({ node: value.source.node, next: 0 });
  };
  enter(root);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    if (top.next < top.node.inputs.length) {
      enter(top.node.inputs[top.next++]);
    } else {
      stack.pop();
      yield top.node;
    }
  }
}
