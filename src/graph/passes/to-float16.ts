import { asFloat16, type TensorSource } from "../../core/index.ts";
import { apply } from "../apply.ts";
import { buildGraph, rewrite, type Graph } from "../graph.ts";
import { cast } from "../ops/elementwise.ts";
import { constant, type Node, type Value } from "../value.ts";

/**
 * Computes in float16 and stores weights as float16: half the file. Inputs and outputs stay float32.
 *
 * Batch normalisation should be folded first: its running variance may lie outside float16's range.
 *
 * @param keepsFloat32 Nodes that are left as they are.
 */
export function convertToFloat16(graph: Graph, keepsFloat32: (node: Node) => boolean): Graph {
  const halves = new Map<Value, Value>();
  const half = (value: Value | undefined): Value | undefined => {
    if (value?.dtype !== "float32") return value;
    const known = halves.get(value) ?? makeHalf(value);
    halves.set(value, known);
    return known;
  };
  const converted = rewrite(graph, (node, inputs) =>
    keepsFloat32(node) ? undefined : apply(node.op, inputs.map(half), node.attributes),
  );
  const outputs = [...converted.outputs].map(([name, value]): [string, Value] => [
    name,
    value.dtype === "float16" ? cast(value, "float32") : value,
  ]);
  return buildGraph(Object.fromEntries(outputs));
}

function makeHalf(value: Value): Value {
  if (value.source.kind !== "constant") return cast(value, "float16");
  const { tensor, name } = value.source;
  return constant(asFloat16(tensor as TensorSource<"float32">), name);
}
