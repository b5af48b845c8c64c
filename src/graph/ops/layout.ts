import { elementCount, type DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import {
  defineOp,
  formatShape,
  int64,
  int64s,
  literal,
  type Application,
  type Dim,
  type Value,
} from "../value.ts";
import { broadcastShapes, clampPosition, normalAxis, requireSameDtype } from "./operands.ts";

/** The integers of a constant input, or `undefined` when they are known only at run time. */
function integers(value: Value | undefined): readonly number[] | undefined {
  const known = literal(value);
  return known ? Array.from(known.data as Iterable<bigint | number>, Number) : undefined;
}

function required(at: Application, index: number, what: string): readonly number[] {
  return integers(at.input(index)) ?? at.fail(`${what} must be a constant`);
}

export const Reshape = defineOp({
  type: "Reshape",
  arity: [2, 2],
  attributes: {},
  infer(at) {
    const x = at.input(0);
    const target = required(at, 1, "the shape");
    const shape: Dim[] = target.map((dim, axis) => (dim === 0 ? (x.shape[axis] ?? 0) : dim));
    const free = shape.indexOf(-1);
    const rest = quotient(x.shape, shape.toSpliced(free, free < 0 ? 0 : 1));
    const fits = free < 0 ? rest === 1 || typeof rest === "string" : rest !== undefined;
    if (!fits) at.fail(`cannot reshape ${formatShape(x.shape)} to [${target.join(", ")}]`);
    if (free >= 0) shape[free] = rest!;
    return [{ dtype: x.dtype, shape }];
  },
});

/** How many elements of `whole` there are for each one of `part`; `undefined` when that is no whole number. */
function quotient(whole: readonly Dim[], part: readonly Dim[]): Dim | undefined {
  const symbols = whole.filter((dim) => typeof dim === "string");
  const divisors: string[] = [];
  for (const dim of part.filter((each) => typeof each === "string")) {
    const index = symbols.indexOf(dim);
    if (index < 0) divisors.push(dim);
    else symbols.splice(index, 1);
  }
  const count = (dims: readonly Dim[]): number => elementCount(dims.filter((dim) => typeof dim === "number"));
  const [above, below] = [count(whole), count(part)];
  const ratio = above / below;
  if (symbols.length + divisors.length === 0) return Number.isInteger(ratio) ? ratio : undefined;
  const factors = Number.isInteger(ratio) ? (ratio === 1 ? [] : [ratio]) : [`${above}/${below}`];
  return [[...symbols, ...factors].join("*") || "1", ...divisors].join("/");
}

export const Flatten = defineOp({
  type: "Flatten",
  arity: [1, 1],
  attributes: { axis: "int?" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const { axis = 1 } = at.attributes;
    const join = (dims: readonly Dim[]): Dim =>
      dims.every((dim) => typeof dim === "number")
        ? elementCount(dims)
        : dims.filter((dim) => dim !== 1).join("*");
    return [{ dtype, shape: [join(shape.slice(0, axis)), join(shape.slice(axis))] }];
  },
});

export const Transpose = defineOp({
  type: "Transpose",
  arity: [1, 1],
  attributes: { perm: "ints" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    const { perm } = at.attributes;
    const isPermutation = perm.toSorted((a, b) => a - b).every((axis, index) => axis === index);
    if (perm.length !== shape.length || !isPermutation)
      at.fail(`perm [${perm.join(", ")}] is no permutation`);
    return [{ dtype, shape: perm.map((axis) => shape[axis]!) }];
  },
});

export const Concat = defineOp({
  type: "Concat",
  arity: [1, 2 ** 16],
  attributes: { axis: "int" },
  infer(at) {
    const first = at.input(0);
    requireSameDtype(at);
    const axis = normalAxis(at, at.attributes.axis, first.shape.length);
    const lengths = at.inputs.map((value) => {
      const same = value?.shape.every((dim, other) => other === axis || dim === first.shape[other]);
      return same && value ? value.shape[axis]! : at.fail(`inputs must agree on every axis but ${axis}`);
    });
    const total = lengths.every((length) => typeof length === "number")
      ? elementSum(lengths)
      : lengths.join("+");
    return [{ dtype: first.dtype, shape: first.shape.map((dim, other) => (other === axis ? total : dim)) }];
  },
});

const elementSum = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

export const Gather = defineOp({
  type: "Gather",
  arity: [2, 2],
  attributes: { axis: "int?" },
  infer(at) {
    const [x, indices] = [at.input(0), at.input(1)];
    const axis = normalAxis(at, at.attributes.axis ?? 0, x.shape.length);
    return [
      { dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] },
    ];
  },
});

export const ShapeOp = defineOp({
  type: "Shape",
  arity: [1, 1],
  attributes: { start: "int?", end: "int?" },
  infer(at) {
    const rank = at.input(0).shape.length;
    const { start = 0, end = rank } = at.attributes;
    const length = clampPosition(end, rank) - clampPosition(start, rank);
    return [{ dtype: "int64", shape: [Math.max(length, 0)] }];
  },
});

export const Range = defineOp({
  type: "Range",
  arity: [3, 3],
  attributes: {},
  infer(at) {
    if (at.inputs.some((value) => value?.shape.length !== 0))
      at.fail("start, limit and delta must be scalars");
    return [
      {
        dtype: at.input(1).dtype,
        shape: [
          lengthIn(at.input(1)) ?? at.fail("the limit must be a constant, or what Shape gives of one axis"),
        ],
      },
    ];
  },
});

/** The length that a scalar stands for. */
function lengthIn(scalar: Value): Dim | undefined {
  const known = integers(scalar);
  if (known) return known[0];
  if (scalar.source.kind !== "node") return undefined;
  const { op, inputs, attributes } = scalar.source.node;
  const [read] = inputs as readonly [Value];
  if (op.type === Reshape.type) return lengthIn(read);
  return op.type === ShapeOp.type
    ? read.shape.at((attributes["start"] as number | undefined) ?? 0)
    : undefined;
}

export const Slice = defineOp({
  type: "Slice",
  arity: [4, 5],
  attributes: {},
  infer(at) {
    const x = at.input(0);
    const [starts, ends, axes] = [integers(at.input(1)), integers(at.input(2)), required(at, 3, "the axes")];
    const steps = at.optional(4) ? required(at, 4, "the steps") : axes.map(() => 1);
    if (steps.some((step) => step < 1)) at.fail("steps must be at least 1");
    const shape = [...x.shape];
    for (const [index, given] of axes.entries()) {
      const axis = normalAxis(at, given, shape.length);
      const dim = shape[axis]!;
      const [start, end] = [starts?.[index], ends?.[index]];
      if (start === undefined || end === undefined || typeof dim === "string") {
        shape[axis] = `slice(${dim})`;
        continue;
      }
      const length = clampPosition(end, dim) - clampPosition(start, dim);
      shape[axis] = Math.max(Math.ceil(length / steps[index]!), 0);
    }
    return [{ dtype: x.dtype, shape }];
  },
});

/** The same elements in another shape; 0 keeps an axis, -1 takes what is left. */
export function reshape<D extends DType>(x: Value<D>, shape: readonly number[]): Value<D> {
  return apply1(Reshape, [x, int64s(shape)]) as Value<D>;
}

/** Joins the axes before `axis` into one, and those from it on into another. */
export function flatten<D extends DType>(x: Value<D>, axis = 1): Value<D> {
  return apply1(Flatten, [x], { axis }) as Value<D>;
}

/** Reorders the axes. */
export function transpose<D extends DType>(x: Value<D>, perm: readonly number[]): Value<D> {
  return apply1(Transpose, [x], { perm }) as Value<D>;
}

/** Joins values along an axis. */
export function concat<D extends DType>(values: readonly Value<D>[], axis: number): Value<D> {
  return apply1(Concat, values, { axis }) as Value<D>;
}

/** Picks the entries at `indices` along an axis. */
export function gather<D extends DType>(x: Value<D>, indices: Value<"int64">, axis = 0): Value<D> {
  return apply1(Gather, [x, indices], { axis }) as Value<D>;
}

/** Lengths of the axes `start` to `end` (exclusive) as an int64 vector. */
export function shapeOf(x: Value, start = 0, end: number = x.shape.length): Value<"int64"> {
  return apply1(ShapeOp, [x], { start, end }) as Value<"int64">;
}

/** 0, 1, 2, … below `limit`, a scalar: a constant, or the length of one axis that `shapeOf` gives, reshaped to []. */
export function range(limit: Value<"int64">): Value<"int64"> {
  return apply1(Range, [int64(0), limit, int64(1)]) as Value<"int64">;
}

/** The part of `x` between `starts` (inclusive) and `ends` (exclusive) on the given axes; every `steps`-th element. */
export function slice<D extends DType>(
  x: Value<D>,
  starts: Value<"int64">,
  ends: Value<"int64">,
  axes: readonly number[],
  steps?: readonly number[],
): Value<D> {
  return apply1(Slice, [x, starts, ends, int64s(axes), steps && int64s(steps)]) as Value<D>;
}

export const Pad = defineOp({
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

export const Expand = defineOp({
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

export const ScatterElements = defineOp({
  type: "ScatterElements",
  arity: [3, 3],
  attributes: { axis: "int?", reduction: "string?" },
  infer(at) {
    const { dtype, shape } = at.input(0);
    if (at.input(1).shape.join() !== at.input(2).shape.join()) at.fail("needs one index for each update");
    return [{ dtype, shape }];
  },
});

/** `x` with each update added to the element that its index names along the axis. */
export function scatterAdd<D extends DType>(
  x: Value<D>,
  indices: Value<"int64">,
  updates: Value<D>,
  axis: number,
): Value<D> {
  return apply1(ScatterElements, [x, indices, updates], { axis, reduction: "add" }) as Value<D>;
}

/** The axes of [N, C, ...] over which statistics of a channel are taken. */
export function allButChannels(x: Value): readonly number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}

/** A value per channel [C] as [C, 1, ...], to be combined with `x` [N, C, ...]. */
export function channelColumn<D extends DType>(value: Value<D>, x: Value<D>): Value<D> {
  return reshape(value, [-1, ...x.shape.slice(2).map(() => 1)]);
}
