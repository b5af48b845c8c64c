import type { TensorSource } from "../../core/index.ts";
import { buildGraph, type Graph } from "../graph.ts";
import { BlockedConv } from "../ops/blocked.ts";
import { blockedConv, blockedGlobalAveragePool, blockedMaxPool, ops, reorderOutput } from "../ops/index.ts";
import { countUses, rewrite } from "../rewrite.ts";
import { apply } from "../apply.ts";
import { constant, type Node, type Value } from "../value.ts";
import { blockWeight } from "./block-weight.ts";

type Float = Value<"float32">;

/**
 * Writes convolutions with constant weights for ONNX Runtime's blocked CPU kernels, with the additions and
 * ReLUs that follow inside, and their weights in blocked order already.
 *
 * ONNX Runtime would do the same when it opens the model, in memory of its own; this way it maps the weights
 * from the file, once for all sessions.
 *
 * @param block Channels of one block: 16 with AVX-512, 8 with AVX2. A wrong one gives wrong results: probe it.
 */
export function blockConvolutions(graph: Graph, block: number): Graph {
  const uses = countUses(graph);
  const blocked = new Set<Value>();
  const isBlocked = (value: Value | undefined): value is Float => value !== undefined && blocked.has(value);

  const produce = (value: Float): readonly Value[] => {
    blocked.add(value);
    return [value];
  };
  /** The blocked convolution that made a value, if nothing else reads it and nothing was fused behind it yet. */
  const open = (node: Node, inputs: Node["inputs"], index: number): Node | undefined => {
    const made = inputs[index]?.source;
    const only = uses.get(node.inputs[index]!) === 1;
    if (!only || made?.kind !== "node" || made.node.op !== BlockedConv) return undefined;
    return made.node.attributes["activation"] === undefined ? made.node : undefined;
  };
  const refused = (node: Node, inputs: Node["inputs"]): readonly Value[] | undefined => {
    if (!inputs.some(isBlocked)) return undefined;
    const plain = inputs.map((value) => (isBlocked(value) ? reorderOutput(value) : value));
    return apply(node.op, plain, node.attributes);
  };

  const rewritten = rewrite(graph, (node, inputs) => {
    const [x, second] = inputs;
    if (node.op === ops.Conv) {
      const weight = blockableWeight(inputs, node, block, isBlocked(x));
      if (!weight) return refused(node, inputs);
      return produce(blockedConv(x as Float, weight, inputs[2] as Float, undefined, node.attributes));
    }
    if (!isBlocked(x)) return refused(node, inputs);
    if (node.op === ops.Relu) {
      const before = open(node, inputs, 0);
      if (before) return produce(again(before, { activation: "Relu" }));
      return produce(apply(node.op, inputs, node.attributes)[0] as Float);
    }
    if (node.op === ops.Add && isBlocked(second) && sameShape(x, second)) {
      const first = open(node, inputs, 0);
      if (first && !first.inputs[3]) return produce(again(first, {}, second));
      const other = open(node, inputs, 1);
      if (other && !other.inputs[3]) return produce(again(other, {}, x));
      return produce(apply(node.op, inputs, node.attributes)[0] as Float);
    }
    if (node.op === ops.MaxPool) return produce(blockedMaxPool(x, node.attributes));
    if (node.op === ops.GlobalAveragePool) return produce(blockedGlobalAveragePool(x));
    return refused(node, inputs);
  });
  const outputs = [...rewritten.outputs].map(([name, value]): [string, Value] => [
    name,
    isBlocked(value) ? reorderOutput(value) : value,
  ]);
  return buildGraph(Object.fromEntries(outputs));
}

/** The same convolution with something fused behind it. */
function again(node: Node, activation: { readonly activation?: string }, sum?: Float): Float {
  const [x, weight, bias, known] = node.inputs as readonly (Float | undefined)[];
  return blockedConv(x!, weight!, bias, sum ?? known, { ...node.attributes, ...activation });
}

/** The weight in blocked order, if the kernels take this convolution: whole blocks, or few plain channels in. */
function blockableWeight(
  [x, weight]: Node["inputs"],
  { attributes }: Node,
  block: number,
  inputIsBlocked: boolean,
): Float | undefined {
  if (weight?.source.kind !== "constant" || weight.dtype !== "float32" || weight.shape.length !== 4)
    return undefined;
  const [out, perGroup] = weight.shape as readonly [number, number];
  const group = (attributes["group"] as number | undefined) ?? 1;
  const wholeBlocks = (out / group) % block === 0 && perGroup % block === 0;
  const stem = !inputIsBlocked && group === 1 && (x!.shape[1] as number) < block && out % block === 0;
  if (!(inputIsBlocked ? wholeBlocks : stem)) return undefined;
  const { tensor, name } = weight.source;
  return constant(blockWeight(tensor as TensorSource<"float32">, block, inputIsBlocked), name);
}

const sameShape = (a: Value, b: Value): boolean => a.shape.join() === b.shape.join();
