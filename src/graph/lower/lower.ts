import { compositeDomain } from "../op-spec.ts";
import type { Graph } from "../graph.ts";
import { rewrite } from "../rewrite.ts";
import type { CompositeOpType, Float, LoweringTable } from "./lowering.ts";

/** Expresses every op of our own in the ops of a target; the rest of the graph stays as it is. */
export function lower(graph: Graph, table: LoweringTable): Graph {
  return rewrite(graph, (node, inputs) =>
    node.op.domain === compositeDomain
      ? table[node.op.type as CompositeOpType](inputs as readonly Float[], node)
      : undefined,
  );
}
