import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { DType } from "../../core/index.ts";

/** TensorProto.DataType: ONNX's number for each dtype. */
export const onnxType: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

/**
 * What is written and read of onnx.proto (ONNX 1.20), in its own names: number and type of each field, in the order in
 * which they are written; `*` stands for any number of values.
 */
const messages = {
  ModelProto: {
    ir_version: [1, "int64"],
    producer_name: [2, "string"],
    graph: [7, "GraphProto"],
    opset_import: [8, "OperatorSetIdProto*"],
    metadata_props: [14, "StringStringEntryProto*"],
  },
  OperatorSetIdProto: { domain: [1, "string"], version: [2, "int64"] },
  StringStringEntryProto: { key: [1, "string"], value: [2, "string"] },
  GraphProto: {
    node: [1, "NodeProto*"],
    name: [2, "string"],
    initializer: [5, "TensorProto*"],
    input: [11, "ValueInfoProto*"],
    output: [12, "ValueInfoProto*"],
  },
  NodeProto: {
    input: [1, "string*"],
    output: [2, "string*"],
    name: [3, "string"],
    op_type: [4, "string"],
    attribute: [5, "AttributeProto*"],
    domain: [7, "string"],
  },
  AttributeProto: {
    name: [1, "string"],
    f: [2, "float"],
    i: [3, "int64"],
    s: [4, "bytes"],
    floats: [7, "float*"],
    ints: [8, "int64*"],
    type: [20, "int32"],
  },
  TensorProto: {
    dims: [1, "int64*"],
    data_type: [2, "int32"],
    name: [8, "string"],
    raw_data: [9, "bytes"],
    external_data: [13, "StringStringEntryProto*"],
    data_location: [14, "int32"],
  },
  ValueInfoProto: { name: [1, "string"], type: [2, "TypeProto"] },
  TypeProto: { tensor_type: [1, "TypeProto.Tensor"] },
  "TypeProto.Tensor": { elem_type: [1, "int32"], shape: [2, "TensorShapeProto"] },
  TensorShapeProto: { dim: [1, "TensorShapeProto.Dimension*"] },
  "TensorShapeProto.Dimension": { dim_value: [1, "int64"], dim_param: [2, "string"] },
} as const;

/** What fields hold besides messages. */
interface Scalars {
  readonly int32: number;
  readonly int64: number;
  readonly float: number;
  readonly string: string;
  readonly bytes: Uint8Array;
}

const wireTypes: Readonly<Record<keyof Scalars, WireType>> = {
  int32: WireType.Varint,
  int64: WireType.Varint,
  float: WireType.Bit32,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

type MessageName = keyof typeof messages;

/** The fields of a message; those that are left out are not written. */
export type Message<Name extends MessageName> = {
  readonly [Field in keyof (typeof messages)[Name]]?: (typeof messages)[Name][Field] extends readonly [
    number,
    infer Type,
  ]
    ? Typed<Type>
    : never;
};

type Typed<Type> = Type extends `${infer Each}*`
  ? readonly Typed<Each>[]
  : Type extends keyof Scalars
    ? Scalars[Type]
    : Type extends MessageName
      ? Message<Type>
      : never;

type FieldType = MessageName | keyof Scalars;
type Fields = Readonly<Record<string, readonly [number: number, type: FieldType | `${FieldType}*`]>>;
type Values = Record<string, unknown>;

/** The type of each value of a field. */
const typeOf = (declared: string): FieldType => declared.replace("*", "") as FieldType;

const isScalar = (type: FieldType): type is keyof Scalars => type in wireTypes;

const wireTypeOf = (type: FieldType): WireType =>
  isScalar(type) ? wireTypes[type] : WireType.LengthDelimited;

/** A message in protobuf's binary format; the same fields give the same bytes. */
export function encodeMessage<Name extends MessageName>(
  name: Name,
  message: Message<Name>,
): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writeMessage(writer, name, message);
  return writer.finish();
}

function writeMessage(writer: BinaryWriter, name: MessageName, message: Values): void {
  const fields: Fields = messages[name];
  for (const [field, [number, declared]] of Object.entries(fields)) {
    const type = typeOf(declared);
    for (const value of [message[field] ?? []].flat()) {
      writer.tag(number, wireTypeOf(type));
      if (isScalar(type)) {
        writer[type](value as never);
      } else {
        writer.fork();
        writeMessage(writer, type, value as Values);
        writer.join();
      }
    }
  }
}

/** What stands before the value of a field that takes so many bytes: for values too large for `encodeMessage`. */
export function fieldPrefix<Name extends MessageName>(
  name: Name,
  field: string & keyof Message<Name>,
  length: number,
): Uint8Array<ArrayBuffer> {
  const fields: Fields = messages[name];
  return new BinaryWriter().tag(fields[field]![0], WireType.LengthDelimited).uint32(length).finish();
}

/**
 * Reads those fields of a message that are in the table.
 *
 * @throws Error that says what is wrong with the bytes.
 */
export function decodeMessage<Name extends MessageName>(name: Name, bytes: Uint8Array): Message<Name> {
  const fields: Fields = messages[name];
  const reader = new BinaryReader(bytes);
  const message: Values = {};
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    // Numbers in lists may also come packed, as bytes: attributes and dims, which nothing here looks at.
    const found = Object.entries(fields).find(
      ([, [each, declared]]) => each === number && wireTypeOf(typeOf(declared)) === wireType,
    );
    if (!found) {
      reader.skip(wireType, number);
      continue;
    }
    const [field, [, declared]] = found;
    const value = readValue(reader, typeOf(declared));
    if (declared.endsWith("*")) ((message[field] ??= []) as unknown[]).push(value);
    else message[field] = value;
  }
  return message as Message<Name>;
}

function readValue(reader: BinaryReader, type: FieldType): unknown {
  if (!isScalar(type)) return decodeMessage(type, reader.bytes());
  return type === "int64" ? Number(reader.int64()) : reader[type]();
}
