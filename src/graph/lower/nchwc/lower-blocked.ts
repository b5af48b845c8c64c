import { elementCount } from "../../../core/index.ts";
import { apply } from "../../apply.ts";
import { buildGraph, countUses, type Graph } from "../../graph.ts";
import { BlockedConv, reorderInput, reorderOutput } from "../../ops/blocked.ts";
import { SgdUpdate } from "../../ops/composite.ts";
import { reshape } from "../../ops/layout.ts";
import type { OpType } from "../../ops/table.ts";
import { atScope } from "../../scope.ts";
import { compositeDomain, input, type Node, type Value } from "../../value.ts";
import type { CompositeOpType, Float } from "../lower.ts";
import { standard } from "../standard.ts";
import { batchNormFrozen, batchNormTraining, batchNormTrainingGrad } from "./batch-norm.ts";
import { conv, convInputGrad, globalAveragePool, maxPool, maxPoolGrad } from "./conv-and-pool.ts";
import { convWeightGrad } from "./conv-weight-grad.ts";
import { add, elementwise, expand, relu, reluGrad, sgdUpdate } from "./elementwise.ts";
import { plain, type BlockedRule, type Layout, type Placed, type Site } from "./rule.ts";

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

/** The rule of every op that has blocked kernels, or that can be written in some. */
const blockedRules: Readonly<Partial<Record<OpType, BlockedRule>>> = {
  Add: add,
  BatchNormTraining: batchNormTraining,
  BatchNormTrainingGrad: batchNormTrainingGrad,
  BatchNormalization: batchNormFrozen,
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  Expand: expand,
  GlobalAveragePool: globalAveragePool,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  Mul: elementwise,
  Relu: relu,
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
};

/** Fewer elements are not worth kernels of their own. */
const fewest = 4096;

/** Pixels of a row; the kernels work row by row. */
const longestRow = 1024;

/**
 * Parameters and momenta that are updated as one image of a single block of channels, in the dims in which
 * the graph then takes and gives them: a Reshape to a graph's output would copy everything.
 */
function flatInputs(graph: Graph, block: number): ReadonlyMap<Value, Value<"float32">> {
  const found = new Map<Value, Value<"float32">>();
  for (const { op, inputs, attributes } of graph.nodes) {
    if (op !== SgdUpdate || attributes["nesterov"] === 1) continue;
    const state = [inputs[0]!, inputs[2]!];
    const count = elementCount(state[0]!.shape as number[]);
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
