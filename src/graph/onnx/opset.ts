import { GraphError } from "../../core/index.ts";
import type { Graph } from "../graph.ts";

/** Version of the ONNX file format that came with each operator set: ONNX's own table of its releases. */
const irVersions: ReadonlyMap<number, number> = new Map([
  [13, 7],
  [14, 7],
  [15, 8],
  [16, 8],
  [17, 8],
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
  [22, 10],
  [23, 11],
  [24, 12],
]);

/** Operator sets in which ops got the form that is written here; all others have it from the first of the table on. */
const since: Readonly<Record<string, number>> = {
  // A slice of the shape.
  Shape: 15,
  ScatterElements: 16,
  // Axes as an input.
  Pad: 18,
  ReduceMax: 18,
  ReduceMean: 18,
  ReduceMin: 18,
  // Antialiased.
  Resize: 18,
};

/** Operator set that every op can be written in. */
export const defaultOpset = 18;

/**
 * The version of the file format for a graph that is written in an operator set.
 *
 * @throws GraphError `graph/opset` for a set that the graph cannot be written in; it names those that it can.
 */
export function irVersionFor({ nodes }: Graph, opset: number): number {
  const standard = nodes.flatMap(({ op }) => (op.domain === "" ? [op.onnxName ?? op.type] : []));
  const sets = [...irVersions.keys()];
  const first = Math.max(sets[0]!, ...standard.map((type) => since[type] ?? 0));
  const version = irVersions.get(opset);
  if (version !== undefined && opset >= first) return version;
  const latest = [...new Set(standard)].filter((type) => since[type] === first);
  const because = opset < first && latest.length > 0 ? `; ${latest.join(" and ")} needs ${first}` : "";
  throw new GraphError(
    "graph/opset",
    `Operator set ${opset}: this model is written in ${first} to ${sets.at(-1)}${because}.`,
  );
}
