import { GraphError } from "../core/index.ts";
import { application } from "./apply.ts";
import type { Graph } from "./graph.ts";
import { ops } from "./ops/index.ts";
import { formatShape, type Node, type Value } from "./value.ts";

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
