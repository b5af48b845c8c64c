import { elementCount } from "../../../core/index.ts";
import { apply, atScope } from "../../apply.ts";
import { buildGraph, countUses, type Graph } from "../../graph.ts";
import { BlockedConv, reorderInput, reorderOutput } from "../../ops/blocked.ts";
import { SgdUpdate } from "../../ops/composite.ts";
import { reshape } from "../../ops/layout.ts";
import type { OpType } from "../../ops/table.ts";
import {
  applies,
  compositeDomain,
  input,
  staticShape,
  type Float,
  type Node,
  type Value,
} from "../../value.ts";
import { lowered } from "../lower.ts";
import { standard } from "../standard.ts";
import { constantWeight } from "./blocked-weight.ts";
import { forwardRules, globalAveragePool } from "./forward.ts";
import {
  blocked,
  plain,
  type BlockedRule,
  type BlockedTarget,
  type Layout,
  type Placed,
  type Site,
} from "./rule.ts";

/**
 * Inference: weights are constants, which are stored in blocked order.
 *
 * ONNX Runtime would do the same when it opens the model, in memory of its own; this way it maps the weights
 * from the file, once for all sessions. What a fused convolution gives is named for the layer that ends in it.
 */
export const blockedInference: BlockedTarget = {
  rules: { ...forwardRules, GlobalAveragePool: globalAveragePool(blocked) },
  weight: constantWeight,
  scopeOf: (node) => node.scope,
};

type Layouts = Partial<Record<Layout, Value>>;

/**
 * Writes a graph for ONNX Runtime's blocked CPU kernels, as far as the target's rules cover its ops; what no rule
 * covers is computed in plain order, as in the standard lowering.
 *
 * Parameters and slots of the optimiser may be taken and given in other dims, with the same elements.
 *
 * @param block Channels of one block: 16 with AVX-512, 8 with AVX2. A wrong one gives wrong results: probe it.
 * @param target `blockedInference` or `blockedTraining`.
 */
export function lowerBlocked(graph: Graph, block: number, target: BlockedTarget): Graph {
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
    target,
    plain: (index) => placed(node.inputs[index]!, "plain") as Float,
    blocked: (index) => placed(node.inputs[index]!, "blocked") as Float,
    isBlocked: (index) => known.get(node.inputs[index]!)?.blocked !== undefined,
    flat: (index) => known.get(node.inputs[index]!)?.flat as Float | undefined,
    open: (index) => {
      const value = node.inputs[index]!;
      const source = known.get(value)?.blocked?.source;
      if (uses.get(value) !== 1 || source?.kind !== "node" || !applies(source.node, BlockedConv))
        return undefined;
      return source.node.attributes.activation === undefined ? source.node : undefined;
    },
  });

  for (const node of graph.nodes) {
    // The rule that stands under an op's name is for its nodes.
    const rule = target.rules[node.op.type as OpType] as BlockedRule | undefined;
    atScope(target.scopeOf(node), () => {
      const results = rule?.(siteOf(node)) ?? plainly(node, placed);
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
  if (wanted === "blocked") return reorderInput((layouts.plain ?? layouts.flat) as Float);
  return layouts.blocked
    ? reorderOutput(layouts.blocked as Float)
    : reshape(layouts.flat!, staticShape(value));
}

/** What no rule covers: our own ops as the standard lowering has them, ONNX's as they are. */
function plainly(node: Node, placed: (value: Value, layout: Layout) => Value): readonly Placed[] {
  const inputs = node.inputs.map((value) => value && placed(value, "plain"));
  if (node.op.domain === compositeDomain) {
    return lowered(standard, node, inputs as readonly Float[]).map(plain);
  }
  const changed = inputs.some((value, index) => value !== node.inputs[index]);
  return (changed ? apply(node.op, inputs, node.attributes) : node.outputs).map(plain);
}

/** Fewer elements are not worth kernels of their own. */
const fewest = 4096;

/** Pixels of a row; the kernels work row by row. */
const longestRow = 1024;

/**
 * Parameters and momenta that are updated as one image of a single block of channels, in the dims in which
 * the graph then takes and gives them: a Reshape to a graph's output would copy everything.
 */
function flatInputs(graph: Graph, block: number): ReadonlyMap<Value, Float> {
  const found = new Map<Value, Float>();
  for (const node of graph.nodes) {
    if (!applies(node, SgdUpdate) || node.attributes.nesterov === 1) continue;
    const state = [node.inputs[0]!, node.inputs[2]!];
    const count = elementCount(staticShape(state[0]!));
    if (count % block !== 0 || count < fewest) continue;
    for (const value of state) {
      if (value.source.kind !== "input") continue;
      found.set(value, input(value.source.name, "float32", flatShape(count, block)));
    }
  }
  return found;
}

/** One block of channels, with rows as long as they may be. */
function flatShape(count: number, block: number): readonly number[] {
  const pixels = count / block;
  let width = longestRow;
  while (pixels % width !== 0) width--;
  return [1, block, pixels / width, width];
}
