import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  AttributeProto_AttributeType as Type,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import { GraphError, type DType } from "../../core/index.ts";
import type { Names } from "../print.ts";
import {
  kindOf,
  type Attribute,
  type AttributeKind,
  type Dim,
  type Node,
  type Shape,
  type Value,
} from "../value.ts";
import { onnxType } from "./onnx-type.ts";

/** A node as ONNX writes it. */
export function nodeProto(node: Node, names: Names): NodeProto {
  return create(NodeProtoSchema, {
    name: names.node(node),
    opType: node.op.onnxName ?? node.op.type,
    domain: node.op.domain,
    input: node.inputs.map((value) => (value ? names.value(value) : "")),
    output: node.outputs.map((value) => names.value(value)),
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      attributeProto(name, kindOf(node.op.attributes[name]!), value),
    ),
  });
}

function attributeProto(name: string, kind: AttributeKind, value: Attribute): AttributeProto {
  const fields: Record<AttributeKind, () => MessageInitShape<typeof AttributeProtoSchema>> = {
    int: () => ({ type: Type.INT, i: BigInt(value as number) }),
    ints: () => ({ type: Type.INTS, ints: (value as readonly number[]).map(BigInt) }),
    float: () => ({ type: Type.FLOAT, f: value as number }),
    floats: () => ({ type: Type.FLOATS, floats: [...(value as readonly number[])] }),
    string: () => ({ type: Type.STRING, s: new TextEncoder().encode(value as string) }),
  };
  return create(AttributeProtoSchema, { name, ...fields[kind]() });
}

/** Name, dtype and shape of an input or output of the graph. */
export function valueInfoProto(name: string, { dtype, shape }: Value): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: "tensorType",
        value: {
          elemType: onnxType[dtype],
          shape: {
            dim: shape.map((dim) => ({
              value:
                typeof dim === "number"
                  ? { case: "dimValue" as const, value: BigInt(dim) }
                  : { case: "dimParam" as const, value: dim },
            })),
          },
        },
      },
    },
  });
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
    const { graph, metadataProps } = fromBinary(ModelProtoSchema, bytes);
    if (!graph || graph.output.length === 0) throw new TypeError("it holds no graph");
    return {
      metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
      inputs: graph.input.map(modelValue),
      outputs: graph.output.map(modelValue),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError("graph/not-onnx", `${name} is no ONNX model: ${reason}.`, { cause });
  }
}

function modelValue({ name, type }: ValueInfoProto): ModelValue {
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  const dtype = Object.entries(onnxType).find(([, code]) => code === tensor?.elemType)?.[0];
  const shape = (tensor?.shape?.dim ?? []).map(({ value }): Dim => {
    if (value.case === "dimValue") return Number(value.value);
    return value.case === "dimParam" ? value.value : "?";
  });
  return { name, dtype: dtype as DType | undefined, shape };
}
