import { elementCount, type DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineOp, formatShape, type Node, type Shape, type Value } from "../value.ts";
import { Conv } from "./convolution.ts";
import { broadcastShapes, requireSameDtype } from "./operands.ts";

export const Gemm = defineOp({
  type: "Gemm",
  arity: [2, 3],
  attributes: { transA: "int?", transB: "int?", alpha: "float?", beta: "float?" },
  infer(at) {
    const [a, b, c] = [at.input(0), at.input(1), at.optional(2)];
    requireSameDtype(at);
    if (a.shape.length !== 2 || b.shape.length !== 2) at.fail("both operands must be matrices");
    const [m, inner] = at.attributes.transA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
    const [rows, n] = at.attributes.transB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
    if (inner !== rows) at.fail(`inner lengths differ: ${inner} and ${rows}`);
    const shape = [m, n];
    const sum = c ? broadcastShapes(shape, c.shape) : shape;
    const grown = sum?.some((dim, axis) => typeof shape[axis] !== "string" && dim !== shape[axis]) ?? true;
    if (grown) at.fail(`the addend does not broadcast to ${formatShape(shape)}`);
    return [{ dtype: a.dtype, shape }];
  },
});

export const MatMul = defineOp({
  type: "MatMul",
  arity: [2, 2],
  attributes: {},
  infer(at) {
    const [a, b] = [at.input(0), at.input(1)];
    requireSameDtype(at);
    if (a.shape.length < 2 || b.shape.length < 2) at.fail("both operands must have at least two axes");
    const [inner, rows] = [a.shape.at(-1)!, b.shape.at(-2)!];
    if (inner !== rows) at.fail(`inner lengths differ: ${inner} and ${rows}`);
    const batch =
      broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ??
      at.fail("the leading axes do not broadcast");
    return [{ dtype: a.dtype, shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!] }];
  },
});

export interface GemmAttributes {
  readonly transA?: 0 | 1;
  readonly transB?: 0 | 1;
}

/** `a · b + c` of matrices, either one transposed first if asked. */
export function gemm<D extends DType>(
  a: Value<D>,
  b: Value<D>,
  c?: Value<D>,
  attributes: GemmAttributes = {},
): Value<D> {
  return apply1(Gemm, [a, b, c], attributes) as Value<D>;
}

/** Matrix product over the last two axes; the leading axes broadcast. */
export function matMul<D extends DType>(a: Value<D>, b: Value<D>): Value<D> {
  return apply1(MatMul, [a, b]) as Value<D>;
}

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
