import { elementCount } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import type { Graph } from "../graph.ts";
import { ops, reshape } from "../ops/index.ts";
import { rewrite } from "../rewrite.ts";
import type { Node, Value } from "../value.ts";

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
