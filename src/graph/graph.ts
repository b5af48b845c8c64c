import { GraphError } from "../core/index.ts";
import { application, apply, atScope } from "./apply.ts";
import { ops } from "./ops/table.ts";
import { formatShape, type Node, type Value } from "./value.ts";

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

/**
 * Checks a whole graph against the rules that building and rewriting must keep: every op is in the table,
 * every node stands after those it reads, every leaf is collected, and every type is what its op infers.
 *
 * @throws GraphError that names the first offending node.
 */
export function checkGraph(graph: Graph): void {
  const ready = new Set<Value["source"] | Node>([
    ...[...graph.inputs.values()].map(({ source }) => source),
    ...graph.constants.map(({ source }) => source),
  ]);
  for (const node of graph.nodes) {
    if (Object.values<unknown>(ops).every((op) => op !== node.op))
      objection(node, "is not in the table of ops");
    for (const value of node.inputs) {
      if (value && !ready.has(origin(value))) objection(node, "reads a value that is not computed before it");
    }
    const inferred = node.op.infer(application(node));
    const agrees = inferred.every((type, index) => {
      const made = node.outputs[index];
      return made?.dtype === type.dtype && formatShape(made.shape) === formatShape(type.shape);
    });
    if (!agrees || inferred.length !== node.outputs.length)
      objection(node, "has outputs its op does not infer");
    ready.add(node);
  }
  for (const [name, value] of graph.outputs) {
    if (!ready.has(origin(value))) {
      throw new GraphError(
        "graph/invalid-graph",
        `Output "${name}" is not computed by any node of the graph.`,
      );
    }
  }
}

const origin = ({ source }: Value): Value["source"] | Node => (source.kind === "node" ? source.node : source);

function objection(node: Node, problem: string): never {
  throw new GraphError("graph/invalid-graph", `${node.op.type} ${node.scope}`.trimEnd() + ` ${problem}.`);
}
