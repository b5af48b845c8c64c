import { allocate, GraphError, tensor, type TensorSource } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/tensor.ts";
import { apply } from "../apply.ts";
import { buildGraph, rewrite, type Graph } from "../graph.ts";
import { conv } from "../ops/convolution.ts";
import { concat, flatten } from "../ops/layout.ts";
import { dequantizeLinear, quantizeLinear, type QuantizedType } from "../ops/quantize.ts";
import { reduceMax, reduceMin } from "../ops/reduction.ts";
import { ops } from "../ops/table.ts";
import { constant, type Float, type Node, type Value } from "../value.ts";

/** The smallest and the largest value that an activation takes. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/** Ranges by who reads the activation: `layer1.0.conv2/Conv/0` is the first operand of that convolution. */
export type ActivationRanges = ReadonlyMap<string, ActivationRange>;

/** An activation that is to be quantised, and its readers' names. */
interface QuantisedActivation {
  readonly value: Float;
  readonly readers: readonly string[];
}

/** A graph that gives the ranges of another's activations. */
export interface RangeGraph {
  /** Outputs `min` and `max` float32 [N, activations]. */
  readonly graph: Graph;
  /** Readers of each activation, in the order of the outputs' columns. */
  readonly readers: readonly (readonly string[])[];
}

/** Whether a node is a convolution whose weights and bias stand in the model. */
function hasConstantFilters({ op, inputs: [, weight, bias] }: Node): boolean {
  const fixed = (value: Value | undefined): boolean =>
    value?.source.kind === "constant" && value.dtype === "float32";
  return op === ops.Conv && fixed(weight) && (bias === undefined || fixed(bias));
}

/** The activations that convolutions and additions read: what integer arithmetic needs ranges for. */
function quantisedActivations(graph: Graph): readonly QuantisedActivation[] {
  const readers = new Map<Float, string[]>();
  for (const node of graph.nodes) {
    const operands = hasConstantFilters(node)
      ? node.inputs.slice(0, 1)
      : node.op === ops.Add && node.inputs.every(isActivation)
        ? node.inputs
        : [];
    for (const [index, value] of (operands as readonly Float[]).entries()) {
      const reader = `${node.scope}/${node.op.type}/${index}`;
      readers.set(value, [...(readers.get(value) ?? []), reader]);
    }
  }
  return [...readers].map(([value, names]) => ({ value, readers: names }));
}

/** Whether a value is a feature map [N, C, H, W]. */
function isActivation(value: Value | undefined): boolean {
  return value?.dtype === "float32" && value.source.kind !== "constant" && value.shape.length === 4;
}

/** Writes the graph that reduces every activation to its range, so that none of them has to leave the runtime. */
export function rangeGraph(graph: Graph): RangeGraph {
  const activations = quantisedActivations(graph);
  const ranges = (reduce: typeof reduceMin): Float =>
    flatten(
      concat(
        activations.map(({ value }) => reduce(value, [1, 2, 3])),
        1,
      ),
    );
  return {
    graph: buildGraph({ min: ranges(reduceMin), max: ranges(reduceMax) }),
    readers: activations.map(({ readers }) => readers),
  };
}

export interface QuantiseOptions {
  /**
   * Filters of 7 bits: sums of two products fit into 16 bits then, which processors without VNNI instructions
   * need to be exact.
   *
   * @default false
   */
  readonly reduceRange?: boolean | undefined;
}

/** How an activation is written in bytes. */
interface Quantisation {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Writes convolutions and additions for 8-bit arithmetic: activations uint8 with one scale and zero point each,
 * filters int8 with a scale for each.
 *
 * The graph stays one of floats, in which what may be integers passes through QuantizeLinear and
 * DequantizeLinear; runtimes compute what lies between in integers. Batch normalisation should be folded first.
 *
 * @param ranges What each activation was seen to take, for example over images of the kind that will come.
 * @throws GraphError `graph/no-range` when one is missing.
 */
export function quantiseConvolutions(
  graph: Graph,
  ranges: ActivationRanges,
  { reduceRange = false }: QuantiseOptions = {},
): Graph {
  const quantisations = planQuantisations(graph, ranges);
  const images = new Map<Value, Value>();
  /** What is fed has no node behind which it could be quantised. */
  const operand = (original: Value | undefined, current: Value | undefined): Value | undefined => {
    const quantisation = original && quantisations.get(original);
    if (!quantisation || original.source.kind !== "input") return current;
    const known = images.get(original) ?? throughBytes(original as Float, quantisation);
    images.set(original, known);
    return known;
  };

  return rewrite(graph, (node, given) => {
    const inputs = given.map((value, index) => operand(node.inputs[index], value));
    const outputs = hasConstantFilters(node)
      ? [inIntegers(node, inputs, quantisations.get(node.inputs[0]!)!, reduceRange ? 64 : 127)]
      : apply(node.op, inputs, node.attributes);
    return outputs.map((output, index) => {
      const quantisation = quantisations.get(node.outputs[index]!);
      return quantisation ? throughBytes(output as Float, quantisation) : output;
    });
  });
}

/**
 * Stores the weights of convolutions and of the classifier in 8 bits, with a scale for each filter: a quarter of the size.
 * Everything is computed in float32, so that no ranges have to be known.
 */
export function quantiseWeights(graph: Graph): Graph {
  return rewrite(graph, (node, [x, weight, bias]) => {
    const isClassifier =
      node.op === ops.Gemm && node.attributes["transB"] === 1 && weight?.source.kind === "constant";
    if (!hasConstantFilters(node) && !isClassifier) return undefined;
    const { tensor: filters, name = "weight" } = constantOf(weight!);
    const quantised = quantiseFilters(filters, undefined, 1, 127);
    return apply(
      node.op,
      [x, perFilter(quantised.weight, quantised.weightScale, name), bias],
      node.attributes,
    );
  });
}

function planQuantisations(graph: Graph, ranges: ActivationRanges): ReadonlyMap<Value, Quantisation> {
  const known = new Map<Value, ActivationRange>();
  for (const { value, readers } of quantisedActivations(graph)) {
    const range = readers.map((reader) => ranges.get(reader)).find((found) => found !== undefined);
    if (!range) {
      throw new GraphError(
        "graph/no-range",
        `No range is known for ${readers.join(" or ")}; measure the ranges on this model.`,
      );
    }
    known.set(value, range);
  }
  // A pool picks among bytes: what it reads and what it gives have one scale.
  for (const [value, { min, max }] of known) {
    const pool = value.source.kind === "node" ? value.source.node : undefined;
    if (pool?.op !== ops.MaxPool) continue;
    const before = known.get(pool.inputs[0]!);
    const both = { min: Math.min(min, before?.min ?? min), max: Math.max(max, before?.max ?? max) };
    known.set(value, both).set(pool.inputs[0]!, both);
  }
  return new Map([...known].map(([value, range]) => [value, quantisationOf(range)]));
}

/** Zero has to be one of the 256 values: padding and ReLU give it. */
function quantisationOf({ min, max }: ActivationRange): Quantisation {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  // What was never seen to differ from zero is given a range of 1, for the sake of its readers' biases.
  const scale = Math.fround((high - low || 1) / 255);
  return { scale, zeroPoint: Math.round(-low / scale) };
}

function throughBytes(value: Float, { scale, zeroPoint }: Quantisation): Float {
  const s = constant(tensor("float32", [], Float32Array.of(scale)), "activation_scale");
  const z = constant(tensor("uint8", [], Uint8Array.of(zeroPoint)), "activation_zero_point");
  return dequantizeLinear(quantizeLinear(value, s, z), s, z);
}

function inIntegers(
  node: Node,
  [x, weight, bias]: Node["inputs"],
  input: Quantisation,
  largest: number,
): Float {
  const { tensor: filters, name = "weight" } = constantOf(weight!);
  const offsets = bias && constantOf(bias);
  const quantised = quantiseFilters(filters, offsets?.tensor, input.scale, largest);
  return conv(
    x as Float,
    perFilter(quantised.weight, quantised.weightScale, name),
    quantised.bias && perFilter(quantised.bias.values, quantised.bias.scale, offsets?.name ?? "bias"),
    node.attributes,
  );
}

function perFilter<D extends QuantizedType>(
  values: TensorSource<D>,
  scale: TensorSource<"float32">,
  name: string,
): Float {
  // ONNX Runtime takes a convolution for one of integers only with its zero points spelt out.
  const zeros = tensor(values.dtype, scale.dims, allocate(values.dtype, scale.dims[0]!));
  return dequantizeLinear(
    constant(values, name),
    constant(scale, `${name}_scale`),
    constant(zeros, `${name}_zero_point`),
    { axis: 0 },
  );
}

function constantOf({ source }: Value): {
  readonly tensor: TensorSource<"float32">;
  readonly name: string | undefined;
} {
  if (source.kind !== "constant") throw new GraphError("graph/invalid-graph", "A filter is no constant.");
  return { tensor: source.tensor as TensorSource<"float32">, name: source.name };
}

type Weights = TensorSource<"float32">;

/** A convolution's filters and bias as integers, with a scale for each filter. */
interface QuantisedFilters {
  readonly weight: TensorSource<"int8">;
  readonly weightScale: Weights;
  readonly bias: { readonly values: TensorSource<"int32">; readonly scale: Weights } | undefined;
}

/** A bias has to leave room for the sum of products in 32 bits. */
const largestBias = 2 ** 30;

/**
 * Quantises filters [O, ...] symmetrically, each with a scale of its own: w = scale · q, |q| <= `largest`. The
 * bias is in units of a product, input scale · filter scale.
 *
 * A filter that is tiny beside its bias, as a folded normalisation may leave it, gets a larger scale, so that its
 * bias still fits into 32 bits.
 */
function quantiseFilters(
  weight: Weights,
  bias: Weights | undefined,
  inputScale: number,
  largest: number,
): QuantisedFilters {
  const filters = [weight.dims[0]!];

  const measureScales = async (): Promise<Float32Array<ArrayBuffer>> => {
    const { data } = await weight.load();
    const offsets = (await bias?.load())?.data;
    const length = data.length / filters[0]!;
    return Float32Array.from({ length: filters[0]! }, (_, filter) => {
      let most = 0;
      for (let i = filter * length; i < (filter + 1) * length; i++) most = Math.max(most, Math.abs(data[i]!));
      const least = Math.abs(offsets?.[filter] ?? 0) / (inputScale * largestBias);
      return Math.max(most / largest, least) || 1;
    });
  };
  // Four tensors need them, and they are small: the filters are read once for all.
  let measured: Promise<Float32Array<ArrayBuffer>> | undefined;
  const scales = (): Promise<Float32Array<ArrayBuffer>> => (measured ??= measureScales());
  const productScales = async (): Promise<Float32Array<ArrayBuffer>> =>
    (await scales()).map((scale) => scale * inputScale);

  return {
    weight: {
      dtype: "int8",
      dims: weight.dims,
      async load() {
        const { data } = await weight.load();
        const scale = await scales();
        const length = data.length / filters[0]!;
        const quantised = new Int8Array(data.length);
        for (const [filter, unit] of scale.entries()) {
          for (let i = filter * length; i < (filter + 1) * length; i++) {
            quantised[i] = Math.min(Math.max(roundHalfToEven(data[i]! / unit), -largest), largest);
          }
        }
        return tensor("int8", weight.dims, quantised);
      },
    },
    weightScale: float32Source(filters, scales),
    bias: bias && {
      scale: float32Source(filters, productScales),
      values: {
        dtype: "int32",
        dims: filters,
        async load() {
          const { data } = await bias.load();
          const scale = await productScales();
          return tensor(
            "int32",
            filters,
            Int32Array.from(data, (value, filter) => roundHalfToEven(value / scale[filter]!)),
          );
        },
      },
    },
  };
}

function float32Source(dims: readonly number[], values: () => Promise<Float32Array<ArrayBuffer>>): Weights {
  return { dtype: "float32", dims, load: async () => tensor("float32", dims, await values()) };
}
