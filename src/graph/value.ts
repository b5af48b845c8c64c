import { tensor as tensorOf, type DType, type Tensor, type TensorSource } from "../core/index.ts";

/** One axis: its length, or a name for a length that is known only when the graph runs. */
export type Dim = number | string;

export type Shape = readonly Dim[];

export type Attribute = number | string | readonly number[];

/** ONNX attributes of a node. Floats are marked by the op's spec, not by the value. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One application of an op. */
export interface Node {
  readonly op: OpSpec;
  /** Positional inputs; `undefined` where an optional one is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  /** Dotted path of the module that made it, for example `layer1.0.conv2`. */
  readonly scope: string;
  readonly outputs: readonly Value[];
}

/** Where a value comes from. */
type Source =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "constant"; readonly tensor: TensorSource; readonly name: string | undefined }
  | { readonly kind: "node"; readonly node: Node; readonly index: number };

/** A tensor in a graph: its dtype and shape are known when it is made, its elements when the graph runs. */
export interface Value<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly source: Source;
}

/** A value that is fed when the graph runs. */
export function input<D extends DType>(name: string, dtype: D, shape: Shape): Value<D> {
  return { dtype, shape, source: { kind: "input", name } };
}

/**
 * A value that is stored in the model.
 *
 * @param name Kept as the initialiser's name, so that parameters keep their state-dict names.
 */
export function constant<D extends DType>(tensor: TensorSource<D>, name?: string): Value<D> {
  return { dtype: tensor.dtype, shape: tensor.dims, source: { kind: "constant", tensor, name } };
}

/** The elements of a constant that is already in memory, as ops such as Reshape need for their shape rule. */
export function literal(value: Value | undefined): Tensor | undefined {
  if (value?.source.kind !== "constant") return undefined;
  const { tensor } = value.source;
  return "data" in tensor ? (tensor as Tensor & TensorSource) : undefined;
}

/** Shape as people write it: `[N, 3, 224, 224]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

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

/** A one-axis int64 constant: shapes, axes and indices. */
export function int64s(values: readonly number[]): Value<"int64"> {
  return constant(tensorOf("int64", [values.length], BigInt64Array.from(values, BigInt)));
}

/** A scalar int64 constant. */
export function int64(value: number): Value<"int64"> {
  return constant(tensorOf("int64", [], BigInt64Array.of(BigInt(value))));
}

/** A float32 constant; a scalar unless a shape is given. */
export function float32(values: number | readonly number[], shape: readonly number[] = []): Value<"float32"> {
  const data = typeof values === "number" ? Float32Array.of(values) : Float32Array.from(values);
  return constant(tensorOf("float32", shape, data));
}
