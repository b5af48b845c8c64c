import type { Graph } from "./graph.ts";
import { formatShape, type Attribute, type Node, type Value } from "./value.ts";

/**
 * The graph as text, one line per node: for golden tests and for reading.
 *
 * @example
 * /conv1/Conv_output_0: float32[N, 64, 112, 112] = Conv(images, conv1.weight) {strides: [2, 2]}
 */
export function printGraph(graph: Graph): string {
  const names = nameGraph(graph);
  const typed = (value: Value): string => `${names.value(value)}: ${value.dtype}${formatShape(value.shape)}`;
  const lines = [
    ...[...graph.inputs.values()].map((value) => `input ${typed(value)}`),
    ...graph.constants.map((value) => `constant ${typed(value)}`),
    ...graph.nodes.map((node) => {
      const inputs = node.inputs.map((value) => (value ? names.value(value) : "-")).join(", ");
      const attributes = Object.entries(node.attributes).map(([name, value]) => `${name}: ${format(value)}`);
      const suffix = attributes.length > 0 ? ` {${attributes.join(", ")}}` : "";
      return `${node.outputs.map(typed).join(", ")} = ${node.op.type}(${inputs})${suffix}`;
    }),
    ...[...graph.outputs].map(([name, value]) => `output ${name}: ${value.dtype}${formatShape(value.shape)}`),
  ];
  return `${lines.join("\n")}\n`;
}

const format = (value: Attribute): string =>
  typeof value === "object" ? `[${value.join(", ")}]` : String(value);

/** Unique names for everything in a graph, derived from where each node was made. */
export interface Names {
  node(node: Node): string;
  value(value: Value): string;
}

/** Names nodes `/layer1.0/conv1/Conv`, their outputs likewise, and constants by their own name if they have one. */
export function nameGraph(graph: Graph): Names {
  const taken = new Set<string>([...graph.inputs.keys(), ...graph.outputs.keys()]);
  // Names that are taken stay so: thousands of a kind are not tried anew for each.
  const suffixes = new Map<string, number>();
  const unique = (wanted: string): string => {
    let name = wanted;
    let suffix = suffixes.get(wanted) ?? 1;
    for (; taken.has(name); suffix++) name = `${wanted}_${suffix}`;
    suffixes.set(wanted, suffix);
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
