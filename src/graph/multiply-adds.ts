import { elementCount } from "../core/index.ts";
import { Conv } from "./ops/conv.ts";
import { Gemm } from "./ops/linear.ts";
import type { Node, Shape } from "./value.ts";

/** Multiplications with addition that a node performs for one image; named axes count as 1. */
export function multiplyAdds(node: Node): number {
  const outputs = elementCount(numeric(node.outputs[0]!.shape));
  const weight = node.inputs[1]?.shape;
  if (!weight) return 0;
  // Each output element takes one product per element of its filter, or per input feature.
  if (node.op === Conv) return outputs * elementCount(numeric(weight.slice(1)));
  return node.op === Gemm ? elementCount(numeric(weight)) : 0;
}

const numeric = (shape: Shape): readonly number[] => shape.map((dim) => (typeof dim === "number" ? dim : 1));
