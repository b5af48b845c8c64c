import type { DType } from "../core/index.ts";
import type { Attributes, Shape, Value } from "./value.ts";

export type AttributeKind = "int" | "ints" | "float" | "floats" | "string";

export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What an op's shape rule sees, and how it objects. */
export interface Application {
  /** The input at a position; objects when it is missing. */
  input(index: number): Value;
  optional(index: number): Value | undefined;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  /** Throws a GraphError that names the op, the layer and the problem. */
  fail(problem: string): never;
}

/** Domain of ops that no runtime knows: they are lowered to ONNX's before a graph is encoded. */
export const compositeDomain = "ssl-resnext";

/** An operator: its name, arity, attributes and the rule that gives its outputs' types. */
export interface OpSpec {
  readonly type: string;
  /** Operator set: `""` is the ONNX standard. */
  readonly domain: string;
  /** Its name within the operator set, where that is not the type. */
  readonly onnxName?: string;
  /** Fewest and most inputs. */
  readonly arity: readonly [number, number];
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  infer(application: Application): readonly ValueType[];
}

/** The spec of one operator, its type known to the compiler. */
export type Op<T extends string> = OpSpec & { readonly type: T };

/** Declares a standard ONNX operator. */
export function defineOp<const T extends string>(spec: Omit<Op<T>, "domain">): Op<T> {
  return { domain: "", ...spec };
}

/** Operator set of ONNX Runtime's CPU kernels for blocked tensors. */
export const blockedDomain = "com.microsoft.nchwc";

/** Declares an operator of ONNX Runtime's blocked set; its type is the name with `Blocked` in front. */
export function defineBlockedOp<const N extends string>(
  onnxName: N,
  spec: Omit<OpSpec, "domain" | "type" | "onnxName">,
): Op<`Blocked${N}`> {
  return { type: `Blocked${onnxName}`, domain: blockedDomain, onnxName, ...spec };
}

/** Declares an op of our own, for the level at which gradients are written. */
export function defineCompositeOp<const T extends string>(spec: Omit<Op<T>, "domain">): Op<T> {
  return { domain: compositeDomain, ...spec };
}
