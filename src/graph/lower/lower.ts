import { elementCount, GraphError } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { rewrite, type Graph } from "../graph.ts";
import type { ConvAttributes } from "../ops/convolution.ts";
import { reshape } from "../ops/layout.ts";
import type { PoolAttributes } from "../ops/pooling.ts";
import { ops, type NodeOf, type OpType } from "../ops/table.ts";
import {
  compositeDomain,
  isFour,
  staticShape,
  value4d,
  type Float,
  type Four,
  type Node,
  type Value,
} from "../value.ts";

/** Expresses every op of our own in the ops of a target; the rest of the graph stays as it is. */
export function lower(graph: Graph, table: LoweringTable): Graph {
  return rewrite(graph, (node, inputs) =>
    node.op.domain === compositeDomain ? lowered(table, node, inputs as readonly Float[]) : undefined,
  );
}

/** Ops of our own, which a lowering expresses in ops that a runtime knows. */
type CompositeOpType = {
  [T in OpType]: (typeof ops)[T]["domain"] extends typeof compositeDomain ? T : never;
}[OpType];

/** Gives a node's outputs in simpler ops, from its lowered inputs. */
export type Lowering<N = Node> = (inputs: readonly Float[], node: N) => readonly Float[];

/** How a target expresses every op of our own. */
export type LoweringTable = { readonly [T in CompositeOpType]: Lowering<NodeOf<T>> };

/** What a table makes of a node of our own. */
export function lowered(table: LoweringTable, node: Node, inputs: readonly Float[]): readonly Float[] {
  // The rule that stands under an op's name is for its nodes.
  const rule = table[node.op.type as CompositeOpType] as Lowering;
  return rule(inputs, node);
}

export type Pair = readonly [number, number];

const isPair = (list: readonly number[]): list is Pair => list.length === 2;

/** How a window slides over rows and columns, complete. */
export interface Window2d {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Top, left, bottom, right. */
  readonly pads: Four;
}

/**
 * Completes the attributes of a convolution or a pool by ONNX's defaults.
 *
 * @throws GraphError `graph/not-4d` for a window over other than two axes.
 */
export function window2d(attributes: PoolAttributes & Pick<ConvAttributes, "dilations">): Window2d {
  const { kernel_shape: kernel, strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0] } = attributes;
  if (isPair(kernel) && isPair(strides) && isPair(dilations) && isFour(pads)) {
    return { kernel, strides, dilations, pads };
  }
  throw new GraphError(
    "graph/not-4d",
    `Expected a window over rows and columns, got one of [${kernel.join(", ")}]; gradients are for images.`,
  );
}

/** A convolution whose gradient is asked for. */
export interface Convolution extends Window2d {
  readonly group: number;
  /** Shape of the gradient. */
  readonly shape: Four;
}

/** Reads the attributes that a convolution's gradients carry along. */
export function convolutionOf({
  attributes,
  outputs,
}: NodeOf<"ConvInputGrad" | "ConvWeightGrad">): Convolution {
  return { ...window2d(attributes), group: attributes.group ?? 1, shape: value4d(outputs[0]!).shape };
}

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
  const shape = staticShape(tensor);
  const flat = inputs.map((value) => (value === tensor ? reshape(value, [elementCount(shape)]) : value));
  return reshape(apply1(op, flat, attributes), shape);
}
