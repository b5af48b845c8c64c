import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { broadcastShapes } from "../broadcast.ts";
import { defineOp, type Op } from "../op-spec.ts";
import { formatShape, literal, type Dim, type Value } from "../value.ts";
import { int64s } from "./literals.ts";

export const Pad: Op<"Pad"> = defineOp({
  type: "Pad",
  arity: [2, 3],
  attributes: {},
  infer(at) {
    const { dtype, shape } = at.input(0);
    const pads = Array.from((literal(at.input(1)) ?? at.fail("the pads must be a constant")).data, Number);
    if (pads.length !== 2 * shape.length) at.fail(`needs ${2 * shape.length} pads, got ${pads.length}`);
    const grown = shape.map((dim, axis): Dim => {
      const by = pads[axis]! + pads[axis + shape.length]!;
      return typeof dim === "number" ? dim + by : by === 0 ? dim : `${dim}+${by}`;
    });
    return [{ dtype, shape: grown }];
  },
});

export const Expand: Op<"Expand"> = defineOp({
  type: "Expand",
  arity: [2, 2],
  attributes: {},
  infer(at) {
    const { dtype, shape } = at.input(0);
    const target = Array.from((literal(at.input(1)) ?? at.fail("the shape must be a constant")).data, Number);
    const expanded = broadcastShapes(shape, target);
    return expanded
      ? [{ dtype, shape: expanded }]
      : at.fail(`cannot expand ${formatShape(shape)} to ${formatShape(target)}`);
  },
});

/** `x` with a border: `pads` holds the begin of every axis, then the end of every axis. */
export function pad<D extends DType>(x: Value<D>, pads: readonly number[], filling?: Value<D>): Value<D> {
  return apply1(Pad, [x, int64s(pads), filling]) as Value<D>;
}

/** `x` repeated along axes of length 1 until it has the shape. */
export function expand<D extends DType>(x: Value<D>, shape: readonly number[]): Value<D> {
  return apply1(Expand, [x, int64s(shape)]) as Value<D>;
}
