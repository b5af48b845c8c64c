import { div, mul, neg } from "../ops/elementwise.ts";
import { expand, pad, reshape, slice, transpose } from "../ops/layout.ts";
import { matMul } from "../ops/linear.ts";
import type { NodeOf } from "../ops/table.ts";
import { float32, int64s, literal, type Float, type Node, staticShape } from "../value.ts";
import type { Vjp } from "./vjp.ts";

const inputs = (node: Node): readonly Float[] => node.inputs as readonly Float[];

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

/** Back to the shape of the first input. */
export const reshaped: Vjp = (node, [dy]) => [reshape(dy!, staticShape(node.inputs[0]!))];

export const transposed: Vjp<NodeOf<"Transpose">> = (node, [dy]) => {
  const { perm } = node.attributes;
  return [
    transpose(
      dy!,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};

/** Each input takes its own stretch of the gradient. */
export const split: Vjp<NodeOf<"Concat">> = (node, [dy]) => {
  const rank = dy!.shape.length;
  const axis = (node.attributes.axis + rank) % rank;
  let end = 0;
  return node.inputs.map((value) => {
    const start = end;
    end += staticShape(value!)[axis]!;
    return slice(dy!, int64s([start]), int64s([end]), [axis]);
  });
};

/** What was cut off gets zeros. */
export const padded: Vjp = (node, [dy]) => {
  const [x, starts, , axes] = node.inputs;
  const shape = staticShape(x!);
  const before = shape.map(() => 0);
  for (const [index, axis] of integers(axes).entries()) {
    const at = (axis + shape.length) % shape.length;
    const start = integers(starts)[index]!;
    before[at] = Math.min(start < 0 ? start + shape[at]! : start, shape[at]!);
  }
  const after = shape.map((length, axis) => length - before[axis]! - staticShape(dy!)[axis]!);
  return [pad(dy!, [...before, ...after])];
};

/** The border is cut off. */
export const cropped: Vjp = (node, [dy]) => {
  const [x, pads] = node.inputs;
  const shape = staticShape(x!);
  const starts = integers(pads).slice(0, shape.length);
  const ends = shape.map((length, axis) => starts[axis]! + length);
  return [
    slice(
      dy!,
      int64s(starts),
      int64s(ends),
      shape.map((_, axis) => axis),
    ),
  ];
};

/** Every element of a sum takes the gradient of the sum, times `factor` of the number of elements. */
export function spread(factor: (count: number) => number): Vjp {
  return (node, [dy]) => {
    const x = node.inputs[0]!;
    const shape = staticShape(x);
    const axes = new Set(reducedAxes(node).map((axis) => (axis + shape.length) % shape.length));
    const kept = shape.map((length, axis) => (axes.has(axis) ? 1 : length));
    const count = shape.reduce((product, length, axis) => (axes.has(axis) ? product * length : product), 1);
    const whole = expand(reshape(dy!, kept), shape);
    return [factor(count) === 1 ? whole : mul(whole, float32(factor(count)))];
  };
}

function reducedAxes(node: Node): readonly number[] {
  // GlobalAveragePool names no axes: it takes all but batch and channels.
  return node.inputs[1] ? integers(node.inputs[1]) : node.inputs[0]!.shape.map((_, axis) => axis).slice(2);
}

const integers = (value: Parameters<typeof literal>[0]): readonly number[] =>
  Array.from(literal(value)!.data as BigInt64Array, Number);
