import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  type NodeProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";

type Node = MessageInitShape<typeof NodeProtoSchema>;
type Dims = readonly (number | string)[];

const float32 = 1;

function valueInfo(name: string, dims: Dims): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = dims.map((size) => ({
    value:
      typeof size === "string"
        ? { case: "dimParam" as const, value: size }
        : { case: "dimValue" as const, value: BigInt(size) },
  }));
  return { name, type: { value: { case: "tensorType", value: { elemType: float32, shape: { dim } } } } };
}

function encode(
  nodes: readonly Node[],
  inputs: Readonly<Record<string, Dims>>,
  outputs: Readonly<Record<string, Dims>>,
  int64s: Readonly<Record<string, readonly number[]>> = {},
): Uint8Array<ArrayBuffer> {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "tiny",
      node: [...nodes],
      input: Object.entries(inputs).map(([name, dims]) => valueInfo(name, dims)),
      output: Object.entries(outputs).map(([name, dims]) => valueInfo(name, dims)),
      initializer: Object.entries(int64s).map(([name, values]) => ({
        name,
        dataType: 7,
        dims: [BigInt(values.length)],
        int64Data: values.map(BigInt),
      })),
    },
  });
  return new Uint8Array(toBinary(ModelProtoSchema, model));
}

/** Inputs `a` and `b` [N, 3]; outputs `sum` and `product`. */
export function arithmeticModel(): Uint8Array<ArrayBuffer> {
  return encode(
    [
      { opType: "Add", input: ["a", "b"], output: ["sum"] },
      { opType: "Mul", input: ["a", "b"], output: ["product"] },
    ],
    { a: ["N", 3], b: ["N", 3] },
    { sum: ["N", 3], product: ["N", 3] },
  );
}

/** Input `images` [N, 3, H, W]; outputs `logits`, the mean of each channel [N, 3], and `pixels`, its input. */
export function channelMeansModel(): Uint8Array<ArrayBuffer> {
  return encode(
    [
      { opType: "GlobalAveragePool", input: ["images"], output: ["pooled"] },
      {
        opType: "Flatten",
        input: ["pooled"],
        output: ["logits"],
        attribute: [{ name: "axis", type: AttributeProto_AttributeType.INT, i: 1n }],
      },
      { opType: "Identity", input: ["images"], output: ["pixels"] },
    ],
    { images: ["N", 3, "H", "W"] },
    { logits: ["N", 3], pixels: ["N", 3, "H", "W"] },
  );
}

/** Input `a` [1]; output `big`: `a` in 2^44 copies, which is more memory than there is. */
export function boundlessModel(): Uint8Array<ArrayBuffer> {
  return encode(
    [{ opType: "Expand", input: ["a", "shape"], output: ["big"] }],
    { a: [1] },
    { big: ["M"] },
    { shape: [2 ** 44] },
  );
}

/** Input `a` [N, N]; output `power`: a chain of matrix products that takes a while. */
export function slowModel(products = 200): Uint8Array<ArrayBuffer> {
  const name = (i: number): string => (i === 0 ? "a" : i === products ? "power" : `power${i}`);
  const nodes = Array.from({ length: products }, (_, i) => ({
    opType: "MatMul",
    input: [name(i), "a"],
    output: [name(i + 1)],
  }));
  return encode(nodes, { a: ["N", "N"] }, { power: ["N", "N"] });
}

/** Input `images`, of which nothing but the mean is used; output `big`: more memory than there is. */
export function boundlessImagesModel(): Uint8Array<ArrayBuffer> {
  return encode(
    [
      { opType: "GlobalAveragePool", input: ["images"], output: ["pooled"] },
      { opType: "Expand", input: ["pooled", "shape"], output: ["big"] },
    ],
    { images: ["N", 3, "H", "W"] },
    { big: ["N", 3, "H", "M"] },
    { shape: [1, 1, 1, 2 ** 42] },
  );
}
