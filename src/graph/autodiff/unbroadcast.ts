import { reduceSum, reshape } from "../ops/index.ts";
import { staticShape } from "./static-shape.ts";
import type { Float } from "./vjp.ts";

/** Sums a gradient over the axes along which its value was broadcast. */
export function unbroadcast(grad: Float, value: Float): Float {
  const [from, to] = [staticShape(grad), staticShape(value)];
  if (from.join() === to.join()) return grad;
  const extra = from.length - to.length;
  const repeated = from
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || to[axis - extra] !== from[axis]);
  const summed = repeated.length > 0 ? reduceSum(grad, repeated) : grad;
  return extra > 0 ? reshape(summed, to) : summed;
}
