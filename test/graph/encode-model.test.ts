import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema, type TensorProto } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GraphError, tensor, type TensorSource } from "../../src/core/index.ts";
import {
  add,
  buildGraph,
  constant,
  encodeModel,
  gemm,
  input,
  mul,
  readModelInterface,
  relu,
  scope,
  type Graph,
} from "../../src/graph/index.ts";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import {
  inferenceGraph,
  modelConfig,
  randomStateDict,
  type InferenceGraphOptions,
} from "../../src/nn/index.ts";
import { trainingProgram } from "../../src/train/index.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { collect, counted, runModel } from "../support/run-graph.ts";

const { normal } = randomTensors(3);
const w1 = normal(40, 30);
const w2 = normal(30, 50);
const bias = normal(50);
const images = normal(2, 40);

/** Two layers; the log gets the name of each tensor that is read. */
function twoLayers(log: string[] = []): Graph {
  const source = (value: typeof w1, name: string): TensorSource<"float32"> =>
    counted(value, log, name) as TensorSource<"float32">;
  const x = input("images", "float32", ["N", 40]);
  const hidden = scope("layer1", () => relu(gemm(x, constant(source(w1, "w1"), "layer1.weight"))));
  const weight = constant(source(w2, "w2"), "fc.weight");
  return buildGraph({
    logits: scope("fc", () => gemm(hidden, weight, constant(source(bias, "bias"), "fc.bias"))),
  });
}

/** A value that only its tensor's shape costs memory. */
function zeros(...dims: readonly number[]): TensorSource<"float32"> {
  return {
    dtype: "float32",
    dims,
    load: () => Promise.resolve(tensor("float32", dims, new Float32Array(dims.reduce((a, b) => a * b, 1)))),
  };
}

/** A model that protobuf has read and written again: the graph comes last, and in it the weights. */
function rewritten(bytes: Uint8Array): Uint8Array {
  // Fields that onnx.proto does not have would be left out.
  const options = { writeUnknownFields: false };
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  delete model.graph;
  const initializer = graph!.initializer.splice(0);
  const writer = new BinaryWriter()
    .raw(toBinary(ModelProtoSchema, model, options))
    .tag(7, WireType.LengthDelimited)
    .fork()
    .raw(toBinary(GraphProtoSchema, graph!, options));
  for (const tensorProto of initializer)
    writer.tag(5, WireType.LengthDelimited).bytes(toBinary(TensorProtoSchema, tensorProto, options));
  return writer.join().finish();
}

const external = (initializer: TensorProto | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((initializer?.externalData ?? []).map(({ key, value }) => [key, value]));

describe("encodeModel", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "encode-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function writeExternal(graph: Graph): Promise<string> {
    const { model, weights } = encodeModel(graph, { externalData: "weights.bin" });
    await writeFile(join(folder, "model.onnx"), await collect(model));
    await writeFile(join(folder, "weights.bin"), await collect(weights));
    return join(folder, "model.onnx");
  }

  it("gives the same results with weights inside and outside", async () => {
    const inside = await runModel(await collect(encodeModel(twoLayers()).model), { images });
    const outside = await runModel(await writeExternal(twoLayers()), { images });
    expect(inside["logits"]?.dims).toEqual([2, 50]);
    expect(outside["logits"]?.data).toEqual(inside["logits"]?.data);
  });

  it("puts large tensors on pages of the weights file and keeps small ones inside", async () => {
    const path = await writeExternal(twoLayers());
    const { graph } = fromBinary(ModelProtoSchema, await readFile(path));
    const [first, second, third] = graph!.initializer;
    expect([first, second, third].map((each) => each?.name)).toEqual([
      "layer1.weight",
      "fc.weight",
      "fc.bias",
    ]);
    expect(external(first)).toEqual({ location: "weights.bin", offset: "0", length: "4800" });
    expect(external(second)).toEqual({ location: "weights.bin", offset: "8192", length: "6000" });
    expect(third?.externalData).toEqual([]);
    expect(new Float32Array(new Uint8Array(third!.rawData).buffer)).toEqual(bias.data);
    const weights = await readFile(join(folder, "weights.bin"));
    expect(weights.length).toBe(8192 + 6000);
    expect(new Float32Array(new Uint8Array(weights.subarray(8192)).buffer)).toEqual(w2.data);
  });

  it("writes a tensor that two constants share once, and both read it", async () => {
    const shared = normal(1, 600);
    const other = normal(1, 600);
    const x = input("images", "float32", ["N", 600]);
    const [a, b, again] = [constant(shared, "a"), constant(other, "b"), constant(shared, "c")];
    const graph = buildGraph({ sum: add(mul(add(x, a), b), again) });
    const feeds = { images: normal(1, 600) };
    const outside = await runModel(await writeExternal(graph), feeds);
    const inside = await runModel(await collect(encodeModel(graph).model), feeds);
    expect(outside["sum"]?.data).toEqual(inside["sum"]?.data);
    expect((await readFile(join(folder, "weights.bin"))).length).toBe(4096 + 2400);
  });

  it.each([undefined, "weights.bin"])(
    "loads each tensor once, when its turn comes (external data: %s)",
    async (file) => {
      const log: string[] = [];
      const { model, weights } = encodeModel(
        twoLayers(log),
        file === undefined ? {} : { externalData: file },
      );
      expect(log).toEqual([]);
      for (const stream of [model, weights]) {
        let before = log.length;
        for await (const chunk of stream) {
          // A tensor is read for the piece that has its bytes, and none ahead of that.
          expect(log.length - before).toBeLessThanOrEqual(chunk.length > 0 ? 1 : 0);
          before = log.length;
        }
      }
      expect(log.toSorted()).toEqual(["bias", "w1", "w2"]);
    },
  );

  it("hands the tensors' own bytes on, without a copy", async () => {
    const buffers = new Set<ArrayBuffer>();
    for await (const chunk of encodeModel(twoLayers()).model) buffers.add(chunk.buffer);
    expect([w1, w2, bias].every(({ data }) => buffers.has(data.buffer))).toBe(true);
  });

  it.each([undefined, "weights.bin"])("knows its length beforehand (external data: %s)", async (file) => {
    const encoded = encodeModel(twoLayers(), file === undefined ? {} : { externalData: file });
    expect((await collect(encoded.model)).length).toBe(encoded.modelBytes);
  });

  it("writes what protobuf reads back: versions, names, shapes, metadata", async () => {
    const metadata = {
      architecture: "resnext50_32x4d",
      classes: JSON.stringify(["Tench", "ゴールドフィッシュ"]),
      empty: "",
    };
    const model = fromBinary(ModelProtoSchema, await collect(encodeModel(twoLayers(), { metadata }).model));
    expect(Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]))).toEqual(metadata);
    expect(model).toMatchObject({
      irVersion: 8n,
      producerName: "ssl-resnext",
      opsetImport: [{ domain: "", version: 18n }],
    });
    expect(model.graph?.node.map(({ name }) => name)).toEqual(["/layer1/Gemm", "/layer1/Relu", "/fc/Gemm"]);
    const dims = model.graph?.input[0]?.type?.value;
    expect(dims).toMatchObject({
      value: { elemType: 1, shape: { dim: [{ value: { value: "N" } }, { value: { value: 40n } }] } },
    });
  });

  const config = modelConfig("resnext17_cifar10");
  const inference = (options: InferenceGraphOptions): Graph =>
    inferenceGraph(config, randomStateDict(config, 0), { inputSize: 32, ...options });
  const written: Readonly<Record<string, () => readonly Graph[]>> = {
    inference: () => [inference({ outputs: ["logits", "embedding"] })],
    "blocked inference": () => [inference({ blockSize: 8 })],
    "preprocessing inside": () => [inference({ preprocessing: imagenetPreprocessing })],
    training: () => Object.values(trainingProgram(config, { batchSize: 2, inputSize: 32 }).graphs),
  };
  it.each(Object.keys(written))("gives the bytes that protobuf's own writer gives: %s", async (name) => {
    for (const graph of written[name]!()) {
      for (const options of [{ metadata: { "ssl-resnext": "{}" } }, { externalData: "weights.bin" }]) {
        const bytes = await collect(encodeModel(graph, options).model);
        expect(Buffer.compare(rewritten(bytes), bytes)).toBe(0);
      }
    }
  });

  const overLimit: readonly (readonly [string, readonly TensorSource<"float32">[]])[] = [
    ["2 GB in two tensors", [zeros(1, 300_000_000), zeros(1, 300_000_000)]],
    ["6 GB in five tensors", Array.from({ length: 5 }, () => zeros(1, 300_000_000))],
    ["5 GB in one tensor", [zeros(1, 1_300_000_000)]],
  ];
  it.each(overLimit)("refuses %s inside the model, and places them outside", async (_name, tensors) => {
    let value = input("x", "float32", [1, tensors[0]!.dims[1]!]);
    for (const each of tensors) value = add(value, constant(each));
    const graph = buildGraph({ sum: value });
    expect(() => encodeModel(graph)).toThrow(
      /^The model takes \d+ bytes; one file holds 2147483647\. Write its weights as external data\.$/,
    );
    expect(() => encodeModel(graph)).toThrow(GraphError);

    const bytes = await collect(encodeModel(graph, { externalData: "weights.bin" }).model);
    const { initializer } = fromBinary(ModelProtoSchema, bytes).graph!;
    let end = 0;
    for (const [index, each] of initializer.entries()) {
      const { offset, length } = external(each);
      expect(Number(length)).toBe(4 * tensors[index]!.dims[1]!);
      expect(Number(offset)).toBe(Math.ceil(end / 4096) * 4096);
      end = Number(offset) + Number(length);
    }
  });

  it.runIf(process.env["SSL_RESNEXT_LONG_TESTS"])("streams 2.4 GB of external data", async () => {
    const tensors = [zeros(1, 300_000_000), zeros(1, 300_000_000)];
    const x = input("x", "float32", [1, 300_000_000]);
    const graph = buildGraph({ sum: add(add(x, constant(tensors[0]!)), constant(tensors[1]!)) });
    let bytes = 0;
    for await (const chunk of encodeModel(graph, { externalData: "weights.bin" }).weights)
      bytes += chunk.length;
    expect(bytes).toBe(Math.ceil(1_200_000_000 / 4096) * 4096 + 1_200_000_000);
  });

  it("holds one tensor at a time", () => {
    const script = new URL("../support/encode-memory.mjs", import.meta.url).pathname;
    const output = execFileSync(process.execPath, ["--expose-gc", script], { encoding: "utf8" });
    const { tensorBytes, peakBytes } = JSON.parse(output) as { tensorBytes: number; peakBytes: number };
    expect(peakBytes / tensorBytes).toBeLessThan(1.3);
    expect(peakBytes / tensorBytes).toBeGreaterThan(0.9);
  });
});

describe("readModelInterface", () => {
  const tensorType = (elemType: number, ...dims: readonly (number | string | undefined)[]) => ({
    case: "tensorType" as const,
    value: {
      elemType,
      shape: {
        dim: dims.map((dim) => ({
          value:
            dim === undefined
              ? { case: undefined }
              : typeof dim === "number"
                ? { case: "dimValue" as const, value: BigInt(dim) }
                : { case: "dimParam" as const, value: dim },
        })),
      },
    },
  });
  const foreign = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      producerName: "another",
      docString: "what this package does not write",
      metadataProps: [{ key: "a", value: "ü" }, { key: "empty" }],
      graph: {
        docString: "nor this",
        node: [{ opType: "Identity", attribute: [{ name: "value", t: { dims: [2n], floatData: [1, 2] } }] }],
        initializer: [{ name: "w", dataType: 7, dims: [2n ** 40n], int64Data: [1n, -2n] }],
        input: [
          { name: "images", type: { denotation: "IMAGE", value: tensorType(1, "N", 3, undefined, 2 ** 40) } },
          { name: "half", type: { value: tensorType(10) } },
          { name: "complex", type: { value: tensorType(14, 1) } },
          { name: "list", type: { value: { case: "sequenceType", value: {} } } },
          { name: "untyped" },
        ],
        output: [{ name: "logits", type: { value: tensorType(1, "N", 10) } }],
      },
    }),
  );

  it("reads what another writer gives, and passes over the rest", () => {
    expect(readModelInterface(foreign, "foreign.onnx")).toEqual({
      metadata: { a: "ü", empty: "" },
      inputs: [
        { name: "images", dtype: "float32", shape: ["N", 3, "?", 2 ** 40] },
        { name: "half", dtype: "float16", shape: [] },
        { name: "complex", dtype: undefined, shape: [1] },
        { name: "list", dtype: undefined, shape: [] },
        { name: "untyped", dtype: undefined, shape: [] },
      ],
      outputs: [{ name: "logits", dtype: "float32", shape: ["N", 10], op: undefined }],
      parameters: 0,
      antialiases: false,
      precision: "fp32",
    });
  });

  it.each<[string, string, number, string]>([
    ["Conv", "images", 1, "fp32"],
    ["DequantizeLinear", "filters of bytes alone", 3, "fp32"],
    ["Conv", "filters of float16", 10, "fp16"],
    ["QuantizeLinear", "activations of bytes", 1, "int8"],
    ["QLinearConv", "integers throughout", 3, "int8"],
    ["DynamicQuantizeLinear", "ranges found on the way", 1, "int8"],
  ])("tells what a graph with %s computes in: %s", (opType, _, dataType, precision) => {
    const initializer = [{ name: "w", dims: [2n, 2n], dataType }];
    const output = [{ name: "logits", type: { value: tensorType(1, "N", 10) } }];
    const model = create(ModelProtoSchema, { graph: { node: [{ opType }], initializer, output } });
    expect(readModelInterface(toBinary(ModelProtoSchema, model), "some.onnx").precision).toBe(precision);
  });

  it.each([0n, 1n])("tells a resize with antialiasing: %d", (antialias) => {
    const node = [{ opType: "Resize", attribute: [{ name: "antialias", type: 2, i: antialias }] }];
    const output = [{ name: "logits", type: { value: tensorType(1, "N", 10) } }];
    const model = create(ModelProtoSchema, { graph: { node, output } });
    const { antialiases } = readModelInterface(toBinary(ModelProtoSchema, model), "resize.onnx");
    expect(antialiases).toBe(antialias === 1n);
  });

  it("passes over lists of numbers that are packed", () => {
    const packed = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .fork()
      .int64(2)
      .int64(3)
      .join()
      .finish();
    expect(fromBinary(TensorProtoSchema, packed).dims).toEqual([2n, 3n]);
    const graph = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(packed).finish();
    const more = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish();
    const before = readModelInterface(foreign, "foreign.onnx");
    expect(readModelInterface(Buffer.concat([more, foreign]), "packed.onnx")).toEqual(before);
  });

  it.each([
    ["text", new TextEncoder().encode("no model at all")],
    ["nothing", new Uint8Array()],
    ["a file that was cut off", foreign.subarray(0, foreign.length - 1)],
    ["a model without a graph", toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n }))],
  ])("refuses %s", (_, bytes) => {
    const read = (): unknown => readModelInterface(bytes, "noise.onnx");
    expect(read).toThrow(expect.objectContaining({ code: "graph/not-onnx" }));
    expect(read).toThrow(/^noise\.onnx is no ONNX model: .+\.$/);
  });
});
