import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { onnxType } from "../onnx/messages.ts";
import { defineOp, formatShape, type Application, type Value, type ValueType } from "../value.ts";
import { broadcastShapes, requireSameDtype } from "./operands.ts";

function inferUnary(at: Application): readonly ValueType[] {
  const { dtype, shape } = at.input(0);
  return [{ dtype, shape }];
}

function inferBinary(at: Application): readonly ValueType[] {
  const [a, b] = [at.input(0), at.input(1)];
  requireSameDtype(at);
  const shape = broadcastShapes(a.shape, b.shape);
  if (!shape) at.fail(`shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
  return [{ dtype: a.dtype, shape }];
}

const unary = <const T extends string>(type: T) =>
  defineOp({ type, arity: [1, 1], attributes: {}, infer: inferUnary });
const binary = <const T extends string>(type: T) =>
  defineOp({ type, arity: [2, 2], attributes: {}, infer: inferBinary });

export const Add = binary("Add");
export const Sub = binary("Sub");
export const Mul = binary("Mul");
export const Div = binary("Div");
export const Relu = unary("Relu");
export const Neg = unary("Neg");
export const Exp = unary("Exp");
export const Log = unary("Log");
export const Sqrt = unary("Sqrt");
export const Floor = unary("Floor");
export const Round = unary("Round");
export const HardSigmoid = defineOp({
  type: "HardSigmoid",
  arity: [1, 1],
  attributes: { alpha: "float?", beta: "float?" },
  infer: inferUnary,
});
export const Clip = defineOp({
  type: "Clip",
  arity: [1, 3],
  attributes: {},
  infer(at) {
    requireSameDtype(at);
    return inferUnary(at);
  },
});

/** `a + b` with broadcasting. */
export function add<D extends DType>(a: Value<D>, b: Value<D>): Value<D> {
  return apply1(Add, [a, b]) as Value<D>;
}

/** `a - b` with broadcasting. */
export function sub<D extends DType>(a: Value<D>, b: Value<D>): Value<D> {
  return apply1(Sub, [a, b]) as Value<D>;
}

/** `a * b` with broadcasting. */
export function mul<D extends DType>(a: Value<D>, b: Value<D>): Value<D> {
  return apply1(Mul, [a, b]) as Value<D>;
}

/** `a / b` with broadcasting; integers are divided towards zero. */
export function div<D extends DType>(a: Value<D>, b: Value<D>): Value<D> {
  return apply1(Div, [a, b]) as Value<D>;
}

/** `max(x, 0)`. */
export function relu<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Relu, [x]) as Value<D>;
}

/** `-x`. */
export function neg<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Neg, [x]) as Value<D>;
}

/** `e ** x`. */
export function exp<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Exp, [x]) as Value<D>;
}

/** Natural logarithm. */
export function log<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Log, [x]) as Value<D>;
}

/** Square root. */
export function sqrt<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Sqrt, [x]) as Value<D>;
}

/** Largest integer not above `x`. */
export function floor<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Floor, [x]) as Value<D>;
}

/** Nearest integer, halves to even. */
export function round<D extends DType>(x: Value<D>): Value<D> {
  return apply1(Round, [x]) as Value<D>;
}

/** Limits `x` to `[low, high]`, given as scalars. */
export function clip<D extends DType>(x: Value<D>, low: Value<D>, high: Value<D>): Value<D> {
  return apply1(Clip, [x, low, high]) as Value<D>;
}

/** `alpha * x + beta`, limited to [0, 1]. */
export function hardSigmoid<D extends DType>(x: Value<D>, alpha: number, beta: number): Value<D> {
  return apply1(HardSigmoid, [x], { alpha, beta }) as Value<D>;
}

const comparison = <const T extends string>(type: T) =>
  defineOp({
    type,
    arity: [2, 2],
    attributes: {},
    infer(at) {
      const [a, b] = [at.input(0), at.input(1)];
      requireSameDtype(at);
      const shape = broadcastShapes(a.shape, b.shape);
      if (!shape)
        return at.fail(`shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
      return [{ dtype: "bool", shape }];
    },
  });

export const Equal = comparison("Equal");
export const Greater = comparison("Greater");

/** Whether elements are the same. */
export function equal<D extends DType>(a: Value<D>, b: Value<D>): Value<"bool"> {
  return apply1(Equal, [a, b]) as Value<"bool">;
}

/** Whether `a` is above `b`. */
export function greater<D extends DType>(a: Value<D>, b: Value<D>): Value<"bool"> {
  return apply1(Greater, [a, b]) as Value<"bool">;
}

export const Cast = defineOp({
  type: "Cast",
  arity: [1, 1],
  attributes: { to: "int" },
  infer(at) {
    const dtype = Object.entries(onnxType).find(([, code]) => code === at.attributes.to)?.[0];
    if (dtype === undefined) at.fail(`"to" must be the number of an ONNX type, got ${at.attributes.to}`);
    return [{ dtype: dtype as DType, shape: at.input(0).shape }];
  },
});

/** The same values in another dtype; floats are cut towards zero on the way to integers. */
export function cast<D extends DType>(x: Value, dtype: D): Value<D> {
  return apply1(Cast, [x], { to: onnxType[dtype] }) as Value<D>;
}
