import { GraphError, tensor as tensorOf, type DType, type Tensor, type TensorSource } from "../core/index.ts";

/** One axis: its length, or a name for a length that is known only when the graph runs. */
export type Dim = number | string;

export type Shape = readonly Dim[];

export type Attribute = number | string | readonly number[];

/** ONNX attributes of a node. Floats are marked by the op's spec, not by the value. */
export type Attributes = Readonly<Record<string, Attribute>>;

export type AttributeKind = "int" | "ints" | "float" | "floats" | "string";

/** What attributes an op has, by name; those marked `?` may be left out. */
export type AttributeKinds = Readonly<Record<string, AttributeKind | `${AttributeKind}?`>>;

/** The kind of an attribute, whether or not it may be left out. */
export function kindOf(declared: AttributeKinds[string]): AttributeKind {
  return declared.replace("?", "") as AttributeKind;
}

/** The attributes of a node, typed by what its op declares. */
export type AttributesOf<K extends AttributeKinds> = {
  readonly [N in keyof K as K[N] extends AttributeKind ? N : never]: AttributeType<K[N]>;
} & { readonly [N in keyof K as K[N] extends AttributeKind ? never : N]?: AttributeType<K[N]> };

type AttributeType<K> = K extends "int" | "int?" | "float" | "float?"
  ? number
  : K extends "string" | "string?"
    ? string
    : readonly number[];

/** One application of an op. */
export interface Node<A = Attributes> {
  readonly op: OpSpec<A>;
  /** Positional inputs; `undefined` where an optional one is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: A;
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

/** What networks compute with, and the only values that have gradients. */
export type Float = Value<"float32">;

/** The shape of a value whose lengths are all known: gradients need them. */
export function staticShape(value: Value): readonly number[] {
  if (value.shape.every((dim) => typeof dim === "number")) return value.shape;
  throw new GraphError(
    "graph/dynamic-shape",
    `Gradients need known lengths, got ${formatShape(value.shape)}; build the graph for one batch size.`,
  );
}

/**
 * The length of one axis, such as that of the channels.
 *
 * @throws GraphError `graph/dynamic-shape` when it is known only once the graph runs.
 */
export function lengthOf({ shape }: Value, axis: number): number {
  const length = shape[axis];
  if (typeof length === "number") return length;
  throw new GraphError(
    "graph/dynamic-shape",
    `The length of axis ${axis} must be a number, got ${formatShape(shape)}; name no length but the batch's.`,
  );
}

/** Lengths of [N, C, H, W], or pads of two axes: top, left, bottom, right. */
export type Four = readonly [number, number, number, number];

export function isFour(list: readonly Dim[]): list is Four {
  return list.length === 4 && list.every((length) => typeof length === "number");
}

/** A value of four axes whose lengths are all known: [N, C, H, W]. */
export type Value4d<D extends DType = DType> = Value<D> & { readonly shape: Four };

export function isValue4d<D extends DType>(value: Value<D>): value is Value4d<D> {
  return isFour(value.shape);
}

/**
 * The same value, known to be [N, C, H, W].
 *
 * @throws GraphError `graph/not-4d` for another rank, or lengths that are known only when the graph runs.
 */
export function value4d<D extends DType>(value: Value<D>): Value4d<D> {
  if (isValue4d(value)) return value;
  throw new GraphError(
    "graph/not-4d",
    `Expected [N, C, H, W] with known lengths, got ${formatShape(value.shape)}; gradients and blocked kernels ` +
      "are for images, in a graph that is built for one batch size.",
  );
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

export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What an op's shape rule sees, and how it objects. */
export interface Application<A = Attributes> {
  /** The input at a position; objects when it is missing. */
  input(index: number): Value;
  optional(index: number): Value | undefined;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: A;
  /** Throws a GraphError that names the op, the layer and the problem. */
  fail(problem: string): never;
}

/** Domain of ops that no runtime knows: they are lowered to ONNX's before a graph is encoded. */
export const compositeDomain = "ssl-resnext";

/** Operator set of ONNX Runtime's CPU kernels for blocked tensors. */
export const blockedDomain = "com.microsoft.nchwc";

/** An operator: its name, arity, attributes and the rule that gives its outputs' types. */
export interface OpSpec<A = Attributes> {
  readonly type: string;
  /** Operator set: `""` is the ONNX standard. */
  readonly domain: string;
  /** Its name within the operator set, where that is not the type. */
  readonly onnxName?: string;
  /** Fewest and most inputs. */
  readonly arity: readonly [number, number];
  readonly attributes: AttributeKinds;
  infer(application: Application<A>): readonly ValueType[];
}

/** The spec of one operator, with all that the compiler can know of it. */
export interface Op<T extends string, K extends AttributeKinds, S extends string> extends OpSpec<
  AttributesOf<K>
> {
  readonly type: T;
  readonly domain: S;
  readonly attributes: K;
}

/** Declares a standard ONNX operator. */
export function defineOp<const T extends string, const K extends AttributeKinds>(
  spec: Omit<Op<T, K, "">, "domain">,
): Op<T, K, ""> {
  return { domain: "", ...spec };
}

/** Declares an operator of ONNX Runtime's blocked set; its type is the name with `Blocked` in front. */
export function defineBlockedOp<const N extends string, const K extends AttributeKinds>(
  onnxName: N,
  spec: Omit<Op<N, K, "">, "domain" | "type" | "onnxName">,
): Op<`Blocked${N}`, K, typeof blockedDomain> {
  return { type: `Blocked${onnxName}`, domain: blockedDomain, onnxName, ...spec };
}

/** Declares an op of our own, for the level at which gradients are written. */
export function defineCompositeOp<const T extends string, const K extends AttributeKinds>(
  spec: Omit<Op<T, K, "">, "domain">,
): Op<T, K, typeof compositeDomain> {
  return { domain: compositeDomain, ...spec };
}

/** Whether a node applies an op: its attributes are then typed. */
export function applies<A>(node: Node<unknown>, op: OpSpec<A>): node is Node<A> {
  return node.op === op;
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
export function float32(values: number | readonly number[], shape: readonly number[] = []): Float {
  const data = typeof values === "number" ? Float32Array.of(values) : Float32Array.from(values);
  return constant(tensorOf("float32", shape, data));
}
