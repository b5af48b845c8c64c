import { apply } from "../../apply.ts";
import { buildGraph, type Graph } from "../../graph.ts";
import { BlockedConv } from "../../ops/blocked.ts";
import { compositeDomain } from "../../op-spec.ts";
import { reorderInput, reorderOutput, reshape, type OpType } from "../../ops/index.ts";
import { countUses } from "../../rewrite.ts";
import { atScope } from "../../scope.ts";
import type { Node, Value } from "../../value.ts";
import type { CompositeOpType, Float } from "../lowering.ts";
import { standard } from "../standard/index.ts";
import { flatInputs } from "./flat-inputs.ts";
import { blockedRules } from "./rules.ts";
import { plain, type Layout, type Placed, type Site } from "./rule.ts";

type Layouts = Partial<Record<Layout, Value>>;

/**
 * Lowers a training graph for ONNX Runtime's blocked CPU kernels: activations and their gradients stay in
 * blocks of channels from the stem to the pooled features, and what no rule covers is computed as in the
 * standard lowering.
 *
 * Parameters and slots of the optimiser may be taken and given in other dims, with the same elements.
 *
 * @param block Channels of one block: 16 with AVX-512, 8 with AVX2. A wrong one gives wrong results: probe it.
 */
export function lowerBlocked(graph: Graph, block: number): Graph {
  const uses = countUses(graph);
  const known = new Map<Value, Layouts>();
  for (const [value, stored] of flatInputs(graph, block)) known.set(value, { flat: stored });

  /** A value of the old graph in a layout; made when it is first asked for. */
  const placed = (value: Value, layout: Layout): Value => {
    const layouts = known.get(value) ?? { plain: value };
    const found = layouts[layout] ?? converted(value, layouts, layout);
    known.set(value, { ...layouts, [layout]: found });
    return found;
  };

  const siteOf = (node: Node): Site => ({
    node,
    block,
    plain: (index) => placed(node.inputs[index]!, "plain") as Float,
    blocked: (index) => placed(node.inputs[index]!, "blocked") as Float,
    isBlocked: (index) => known.get(node.inputs[index]!)?.blocked !== undefined,
    flat: (index) => known.get(node.inputs[index]!)?.flat as Float | undefined,
    open: (index) => {
      const value = node.inputs[index]!;
      const source = known.get(value)?.blocked?.source;
      if (uses.get(value) !== 1 || source?.kind !== "node" || source.node.op !== BlockedConv)
        return undefined;
      return source.node.attributes["activation"] === undefined ? source.node : undefined;
    },
  });

  for (const node of graph.nodes) {
    // Profiles name nodes by their scope: the op says which part of a layer's work this is.
    atScope(`${node.scope}.${node.op.type}`, () => {
      const results = blockedRules[node.op.type as OpType]?.(siteOf(node)) ?? plainly(node, placed);
      for (const [index, output] of node.outputs.entries()) {
        const { layout, value } = results[index]!;
        known.set(output, { [layout]: value });
      }
    });
  }
  const outputs = [...graph.outputs].map(([name, value]): [string, Value] => [
    name,
    known.get(value)?.flat ?? placed(value, "plain"),
  ]);
  return buildGraph(Object.fromEntries(outputs));
}

function converted(value: Value, layouts: Layouts, wanted: Layout): Value {
  const { plain: ordinary, blocked, flat } = layouts;
  if (wanted === "blocked") return reorderInput((ordinary ?? flat) as Float);
  return blocked ? reorderOutput(blocked as Float) : reshape(flat!, value.shape as readonly number[]);
}

/** What no rule covers: our own ops as the standard lowering has them, ONNX's as they are. */
function plainly(node: Node, placed: (value: Value, layout: Layout) => Value): readonly Placed[] {
  const inputs = node.inputs.map((value) => value && placed(value, "plain"));
  if (node.op.domain === compositeDomain) {
    return standard[node.op.type as CompositeOpType](inputs as readonly Float[], node).map(plain);
  }
  const changed = inputs.some((value, index) => value !== node.inputs[index]);
  return (changed ? apply(node.op, inputs, node.attributes) : node.outputs).map(plain);
}
