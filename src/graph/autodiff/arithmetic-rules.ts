import { div, matMul, mul, neg, transpose } from "../ops/index.ts";
import { float32 } from "../ops/literals.ts";
import type { Float, Vjp } from "./vjp.ts";

const inputs = (node: Parameters<Vjp>[0]): readonly Float[] => node.inputs as readonly Float[];

export const add: Vjp = (_, [dy]) => [dy, dy];

export const sub: Vjp = (_, [dy]) => [dy, neg(dy!)];

export const multiply: Vjp = (node, [dy]) => {
  const [a, b] = inputs(node);
  return [mul(dy!, b!), mul(dy!, a!)];
};

/** y = a / b: dA = dY / b, dB = -dY · y / b */
export const divide: Vjp = (node, [dy]) => {
  const b = inputs(node)[1]!;
  const da = div(dy!, b);
  return [da, neg(mul(da, node.outputs[0] as Float))];
};

export const negate: Vjp = (_, [dy]) => [neg(dy!)];

export const exponential: Vjp = (node, [dy]) => [mul(dy!, node.outputs[0] as Float)];

export const logarithm: Vjp = (node, [dy]) => [div(dy!, inputs(node)[0]!)];

/** y = √x: dX = dY / 2y */
export const squareRoot: Vjp = (node, [dy]) => [div(mul(dy!, float32(0.5)), node.outputs[0] as Float)];

/** C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC over the last two axes */
export const matrixProduct: Vjp = (node, [dy]) => {
  const [a, b] = inputs(node);
  return [matMul(dy!, swapLast(b!)), matMul(swapLast(a!), dy!)];
};

function swapLast(x: Float): Float {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}
