import { elementCount, GraphError, type DType } from "../../core/index.ts";
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

/** An output of a model, and the operator whose result it is, whatever passes it on; `undefined` for an input. */
export interface ModelOutput extends ModelValue {
  readonly op: string | undefined;
}

/** What an ONNX model says of itself. */
export interface ModelInterface {
  readonly metadata: Readonly<Record<string, string>>;
  /** What has to be fed: what the model has values for is none of them. */
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelOutput[];
  /** Numbers in its floating-point weights. */
  readonly parameters: number;
  /** Whether it resizes with the antialiasing of ONNX's `Resize`, which not every runtime has. */
  readonly antialiases: boolean;
  readonly precision: HeldPrecision;
}

/** What a model computes in: `int8` where its activations become integers, `fp16` where its filters are such floats. */
export type HeldPrecision = "fp32" | "fp16" | "int8";

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
    const { node: nodes = [], initializer: weights = [] } = graph;
    const given = new Set(weights.map(({ name: weight }) => weight));
    return {
      metadata: Object.fromEntries(metadata.map(({ key = "", value = "" }) => [key, value])),
      inputs: (graph.input ?? []).filter(({ name: value }) => !given.has(value)).map(modelValue),
      outputs: graph.output.map((value) => ({ ...modelValue(value), op: producerOf(value.name, nodes) })),
      parameters: weights
        .filter(({ data_type: type }) => floatTypes.has(type))
        .reduce((sum, { dims = [] }) => sum + elementCount(dims), 0),
      antialiases: nodes.some(({ attribute = [] }) =>
        attribute.some(({ name: attributeName, i }) => attributeName === "antialias" && Number(i) === 1),
      ),
      precision: nodes.some(({ op_type: op = "" }) => integers.test(op))
        ? "int8"
        : weights.some(({ dims = [], data_type: type }) => dims.length > 1 && type === onnxType.float16)
          ? "fp16"
          : "fp32",
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError("graph/not-onnx", `${name} is no ONNX model: ${reason}.`, { cause });
  }
}

const floatTypes = new Set<number | undefined>(
  (["float32", "float16", "float64", "bfloat16"] as const).map((dtype) => onnxType[dtype]),
);

/** Operators that make activations integers, or compute with such: ONNX's and those of ONNX Runtime. */
const integers = /^(QuantizeLinear$|DynamicQuantize|QLinear|QGemm$|(Conv|MatMul)Integer)/;

/** Operators that hand on what comes in, in another shape or type. */
const handsOn = new Set(["Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

function producerOf(name: string | undefined, nodes: readonly Message<"NodeProto">[]): string | undefined {
  const producers = new Map(nodes.flatMap((node) => (node.output ?? []).map((output) => [output, node])));
  let node = producers.get(name ?? "");
  // As often as there are nodes: a damaged model may go round in circles.
  for (let step = 0; node && handsOn.has(node.op_type ?? "") && step < nodes.length; step++) {
    node = producers.get(node.input?.[0] ?? "");
  }
  return node?.op_type;
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
