import type { Graph } from "./graph.ts";
import type { Node, Value } from "./value.ts";

/** Unique names for everything in a graph, derived from where each node was made. */
export interface Names {
  node(node: Node): string;
  value(value: Value): string;
}

/** Names nodes `/layer1.0/conv1/Conv`, their outputs likewise, and constants by their own name if they have one. */
export function nameGraph(graph: Graph): Names {
  const taken = new Set<string>([...graph.inputs.keys(), ...graph.outputs.keys()]);
  const unique = (wanted: string): string => {
    let name = wanted;
    for (let suffix = 1; taken.has(name); suffix++) name = `${wanted}_${suffix}`;
    taken.add(name);
    return name;
  };

  const values = new Map<Value["source"] | Node, readonly string[]>();
  const nodes = new Map<Node, string>();
  for (const [name, value] of graph.inputs) values.set(value.source, [name]);
  for (const { source } of graph.constants) {
    values.set(source, [unique(source.kind === "constant" ? (source.name ?? "constant") : "constant")]);
  }
  const outputNames = new Map([...graph.outputs].map(([name, value]) => [value, name]));
  for (const node of graph.nodes) {
    const path = `/${node.scope === "" ? "" : `${node.scope.replaceAll(".", "/")}/`}${node.op.type}`;
    const name = unique(path);
    nodes.set(node, name);
    values.set(
      node,
      node.outputs.map((value, index) => outputNames.get(value) ?? unique(`${name}_output_${index}`)),
    );
  }

  return {
    node: (node) => nodes.get(node)!,
    value: ({ source }) =>
      source.kind === "node" ? values.get(source.node)![source.index]! : values.get(source)![0]!,
  };
}
