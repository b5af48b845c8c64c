import type { DType, Tensor, TensorSource } from "../core/index.ts";
import type { OpSpec } from "./op-spec.ts";

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
