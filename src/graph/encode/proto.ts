import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as Type,
  AttributeProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import type { Names } from "../names.ts";
import { onnxType } from "../onnx-type.ts";
import type { AttributeKind } from "../op-spec.ts";
import type { Attribute, Node, Value } from "../value.ts";

/** A node as ONNX writes it. */
export function nodeProto(node: Node, names: Names): NodeProto {
  return create(NodeProtoSchema, {
    name: names.node(node),
    opType: node.op.onnxName ?? node.op.type,
    domain: node.op.domain,
    input: node.inputs.map((value) => (value ? names.value(value) : "")),
    output: node.outputs.map((value) => names.value(value)),
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      attributeProto(name, node.op.attributes[name]!, value),
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
