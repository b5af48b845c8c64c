import type { Graph } from "./graph.ts";
import { nameGraph } from "./names.ts";
import { formatShape, type Attribute, type Value } from "./value.ts";

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
