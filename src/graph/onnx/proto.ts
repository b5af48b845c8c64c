import { GraphError, type DType } from "../../core/index.ts";
import type { Names } from "../print.ts";
import { kindOf, type Attribute, type AttributeKind, type Node, type Shape, type Value } from "../value.ts";
import { decodeMessage, onnxType, type Message } from "./messages.ts";

/** AttributeProto.AttributeType: ONNX's number for each kind of attribute. */
const attributeType: Readonly<Record<AttributeKind, number>> = {
  float: 1,
  int: 2,
  string: 3,
  floats: 6,
  ints: 7,
};

/** A node as ONNX writes it. */
export function nodeProto(node: Node, names: Names): Message<"NodeProto"> {
  return {
    name: names.node(node),
    op_type: node.op.onnxName ?? node.op.type,
    domain: node.op.domain,
    input: node.inputs.map((value) => (value ? names.value(value) : "")),
    output: node.outputs.map((value) => names.value(value)),
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      attributeProto(name, kindOf(node.op.attributes[name]!), value),
    ),
  };
}

function attributeProto(name: string, kind: AttributeKind, value: Attribute): Message<"AttributeProto"> {
  const fields: Record<AttributeKind, () => Message<"AttributeProto">> = {
    int: () => ({ i: value as number }),
    ints: () => ({ ints: value as readonly number[] }),
    float: () => ({ f: value as number }),
    floats: () => ({ floats: value as readonly number[] }),
    string: () => ({ s: new TextEncoder().encode(value as string) }),
  };
  return { name, type: attributeType[kind], ...fields[kind]() };
}

/** Name, dtype and shape of an input or output of the graph. */
export function valueInfoProto(name: string, { dtype, shape }: Value): Message<"ValueInfoProto"> {
  const dim = shape.map((length) =>
    typeof length === "number" ? { dim_value: length } : { dim_param: length },
  );
  return { name, type: { tensor_type: { elem_type: onnxType[dtype], shape: { dim } } } };
}

/** An input or output of a model. */
export interface ModelValue {
  readonly name: string;
  /** `undefined` for what this package has no name for. */
  readonly dtype: DType | undefined;
  readonly shape: Shape;
}

/** What an ONNX model says of itself. */
export interface ModelInterface {
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
}

/**
 * Reads what goes into an ONNX model, what comes out, and its metadata.
 *
 * @param name What an error calls the model.
 * @throws GraphError `graph/not-onnx` for bytes that are no model.
 */
export function readModelInterface(bytes: Uint8Array, name: string): ModelInterface {
  try {
    const { graph, metadata_props: metadata = [] } = decodeMessage("ModelProto", bytes);
    if (!graph?.output) throw new TypeError("it holds no graph");
    return {
      metadata: Object.fromEntries(metadata.map(({ key = "", value = "" }) => [key, value])),
      inputs: (graph.input ?? []).map(modelValue),
      outputs: graph.output.map(modelValue),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError("graph/not-onnx", `${name} is no ONNX model: ${reason}.`, { cause });
  }
}

function modelValue({ name = "", type }: Message<"ValueInfoProto">): ModelValue {
  const { elem_type: code, shape = {} } = type?.tensor_type ?? {};
  const dtype = Object.entries(onnxType).find(([, number]) => number === code)?.[0];
  return {
    name,
    dtype: dtype as DType | undefined,
    shape: (shape.dim ?? []).map(({ dim_value: length, dim_param: param }) => length ?? param ?? "?"),
  };
}
