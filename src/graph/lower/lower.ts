import { elementCount } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { rewrite, type Graph } from "../graph.ts";
import { reshape } from "../ops/layout.ts";
import { ops, type OpType } from "../ops/table.ts";
import { compositeDomain, type Node, type Value } from "../value.ts";

/** Expresses every op of our own in the ops of a target; the rest of the graph stays as it is. */
export function lower(graph: Graph, table: LoweringTable): Graph {
  return rewrite(graph, (node, inputs) =>
    node.op.domain === compositeDomain
      ? table[node.op.type as CompositeOpType](inputs as readonly Float[], node)
      : undefined,
  );
}

export type Float = Value<"float32">;

/** Ops of our own, which a lowering expresses in ops that a runtime knows. */
export type CompositeOpType = Extract<
  OpType,
  | "BatchNormTraining"
  | "BatchNormTrainingGrad"
  | "ConvInputGrad"
  | "ConvWeightGrad"
  | "MaxPoolGrad"
  | "ReluGrad"
  | "SgdUpdate"
  | "SoftmaxCrossEntropy"
>;

/** Gives a node's outputs in simpler ops, from its lowered inputs. */
export type Lowering = (inputs: readonly Float[], node: Node) => readonly Float[];

/** How a target expresses every op of our own. */
export type LoweringTable = Readonly<Record<CompositeOpType, Lowering>>;

/** Attributes of a two-dimensional convolution, complete. */
export interface Convolution {
  readonly group: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Shape of the gradient. */
  readonly shape: readonly [number, number, number, number];
}

/** Reads the attributes that a convolution's gradients carry along. */
export function convolutionOf({ attributes }: Node): Convolution {
  const { kernel_shape: kernel, ...given } = attributes;
  return { ...defaults, ...given, kernel } as unknown as Convolution;
}

const defaults = { group: 1, strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

const scaling: ReadonlySet<unknown> = new Set([ops.Add, ops.Sub, ops.Mul, ops.Div]);

/**
 * Lets a tensor meet a scalar as a vector, where its last axes have length 1.
 *
 * ONNX Runtime's CPU kernels go element by element otherwise: over the weights of a 1x1 convolution that is
 * some 25 times slower. To reshape costs nothing between two nodes.
 */
export function flattenScaled(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!scaling.has(node.op)) return undefined;
    const [a, b] = inputs as readonly [Value, Value];
    const tensor = b.shape.length === 0 ? a : a.shape.length === 0 ? b : undefined;
    return tensor && endsInOne(tensor) ? [asVector(node, [a, b], tensor)] : undefined;
  });
}

function endsInOne({ shape }: Value): boolean {
  return shape.length > 1 && shape.at(-1) === 1 && shape.every((length) => typeof length === "number");
}

function asVector({ op, attributes }: Node, inputs: readonly Value[], tensor: Value): Value {
  const shape = tensor.shape as readonly number[];
  const flat = inputs.map((value) => (value === tensor ? reshape(value, [elementCount(shape)]) : value));
  return reshape(apply1(op, flat, attributes), shape);
}
