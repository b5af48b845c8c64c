import { tensor, type TensorSource } from "../../core/index.ts";
import { apply } from "../apply.ts";
import { buildGraph, countUses, rewrite, type Graph } from "../graph.ts";
import {
  BlockedConv,
  blockedConv,
  blockedGlobalAveragePool,
  blockedMaxPool,
  reorderOutput,
} from "../ops/blocked.ts";
import { conv } from "../ops/convolution.ts";
import { ops } from "../ops/table.ts";
import { constant, type Node, type Value } from "../value.ts";

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
  const { tensor: stored, name } = weight.source;
  return constant(blockWeight(stored as TensorSource<"float32">, block, inputIsBlocked), name);
}

const sameShape = (a: Value, b: Value): boolean => a.shape.join() === b.shape.join();

type Weights = TensorSource<"float32">;

/**
 * Stores a convolution's weight [O, I, h, w] as ONNX Runtime's blocked kernels read it:
 * [O / block, I / block, h, w, block of I, block of O], or, where the input is not blocked,
 * [O / block, I, h, w, block of O]. The tensor keeps its logical shape.
 */
function blockWeight(weight: Weights, block: number, inputIsBlocked: boolean): Weights {
  const [out, channels, height, width] = weight.dims as [number, number, number, number];
  const taps = height * width;
  const inner = inputIsBlocked ? block : 1;
  return {
    dtype: "float32",
    dims: weight.dims,
    async load() {
      const { data } = await weight.load();
      const blocked = new Float32Array(data.length);
      let position = 0;
      for (let o = 0; o < out; o += block) {
        for (let c = 0; c < channels; c += inner) {
          for (let tap = 0; tap < taps; tap++) {
            for (let i = c; i < c + inner; i++) {
              for (let b = o; b < o + block; b++)
                blocked[position++] = data[(b * channels + i) * taps + tap]!;
            }
          }
        }
      }
      return tensor("float32", weight.dims, blocked);
    },
  };
}

/**
 * Merges neighbouring groups of grouped convolutions until each has `channels` input channels.
 *
 * The merged weight is block-diagonal, so the result is the same; ONNX Runtime's blocked CPU convolution
 * takes groups of a whole SIMD block only and falls back to a slow path for narrower ones.
 */
export function mergeGroups(graph: Graph, channels: number): Graph {
  return rewrite(graph, (node, [x, weight, bias]) => {
    const group = (node.attributes["group"] as number | undefined) ?? 1;
    if (node.op !== ops.Conv || group === 1) return undefined;
    if (weight?.source.kind !== "constant" || weight.dtype !== "float32") return undefined;
    const perGroup = weight.shape[1] as number;
    const factor = Math.min(group, Math.floor(channels / perGroup));
    // A depthwise convolution has a fast path of its own.
    if (perGroup === 1 || factor < 2 || group % factor !== 0) return undefined;
    const { tensor: narrow, name } = weight.source;
    return [
      conv(
        x as Value<"float32">,
        constant(blockDiagonal(narrow as Weights, group, factor), name),
        bias as Value<"float32"> | undefined,
        { ...node.attributes, group: group / factor },
      ),
    ];
  });
}

/** Places each filter of [O, C, ...] at its own group's channels within [O, C · factor, ...]. */
function blockDiagonal(weight: Weights, group: number, factor: number): Weights {
  const [out, perGroup, ...kernel] = weight.dims as [number, number, ...number[]];
  const dims = [out, perGroup * factor, ...kernel];
  return {
    dtype: "float32",
    dims,
    async load() {
      const { data } = await weight.load();
      const filter = data.length / out;
      const merged = new Float32Array(data.length * factor);
      for (let o = 0; o < out; o++) {
        const position = Math.floor(o / (out / group)) % factor;
        merged.set(data.subarray(o * filter, (o + 1) * filter), (o * factor + position) * filter);
      }
      return tensor("float32", dims, merged);
    },
  };
}
