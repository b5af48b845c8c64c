import { describe, expect, it } from "vitest";
import { bytesSource, GraphError, tensor, UsageError } from "../../src/core/index.ts";
import * as g from "../../src/graph/index.ts";

const float = (...shape: readonly (number | string)[]): g.Value<"float32"> => g.input("x", "float32", shape);
const images = float("N", 130, 56, 56);

/** What is refused, and the whole message: op, layer, expected, received, inputs. */
// prettier-ignore
const refusals: readonly (readonly [string, () => unknown, string])[] = [
  ["channels that the groups do not divide", () => g.conv(images, float(64, 4, 3, 3), undefined, { group: 32 }), "Conv layer1.0.conv2: groups (32) must divide the input channels (130); check cardinality and base width. Inputs: float32[N, 130, 56, 56], float32[64, 4, 3, 3]."],
  ["filters that the groups do not divide", () => g.conv(images, float(65, 65, 3, 3), undefined, { group: 2 }), "Conv layer1.0.conv2: groups (2) must divide the output channels (65). Inputs: float32[N, 130, 56, 56], float32[65, 65, 3, 3]."],
  ["a filter for other channels", () => g.conv(images, float(64, 64, 3, 3)), "Conv layer1.0.conv2: weight expects 64 x 1 input channels, the input has 130. Inputs: float32[N, 130, 56, 56], float32[64, 64, 3, 3]."],
  ["a window larger than the image", () => g.conv(float(1, 3, 2, 2), float(8, 3, 5, 5)), "Conv layer1.0.conv2: a window of 5 does not fit an axis of 2 + 0 padding. Inputs: float32[1, 3, 2, 2], float32[8, 3, 5, 5]."],
  ["pads of one end only", () => g.maxPool(images, { kernel_shape: [3, 3], pads: [1, 1] }), "MaxPool layer1.0.conv2: pads must have 4 entries, got 2. Inputs: float32[N, 130, 56, 56]."],
  ["statistics of other channels", () => g.batchNormalization(images, { weight: float(130), bias: float(130), runningMean: float(64), runningVar: float(130) }, 1e-5), "BatchNormalization layer1.0.conv2: running mean must have shape [130]. Inputs: float32[N, 130, 56, 56], float32[130], float32[130], float32[64], float32[130]."],
  ["shapes that do not broadcast", () => g.add(float(2, 3), float(2, 4)), "Add layer1.0.conv2: shapes [2, 3] and [2, 4] do not broadcast. Inputs: float32[2, 3], float32[2, 4]."],
  ["mixed dtypes", () => g.mul<"float32" | "int64">(float(2), g.int64(2)), "Mul layer1.0.conv2: operands must share a dtype, got float32 and int64. Inputs: float32[2], int64[]."],
  ["matrices that do not fit", () => g.matMul(float(2, 3), float(4, 5)), "MatMul layer1.0.conv2: inner lengths differ: 3 and 4. Inputs: float32[2, 3], float32[4, 5]."],
  ["an addend that grows the product", () => g.gemm(float(1, 3), float(3, 5), float(7, 5)), "Gemm layer1.0.conv2: the addend does not broadcast to [1, 5]. Inputs: float32[1, 3], float32[3, 5], float32[7, 5]."],
  ["a shape of other size", () => g.reshape(float(2, 3), [4, -1]), "Reshape layer1.0.conv2: cannot reshape [2, 3] to [4, -1]. Inputs: float32[2, 3], int64[2]."],
  ["an axis that is none", () => g.softmax(float(2, 3), 2), "Softmax layer1.0.conv2: axis 2 is outside a rank of 2. Inputs: float32[2, 3]."],
  ["reducing an axis that is none", () => g.reduceSum(float(2, 3), [-3]), "ReduceSum layer1.0.conv2: axis -3 is outside a rank of 2. Inputs: float32[2, 3], int64[1]."],
  ["axes twice", () => g.transpose(float(2, 3), [0, 0]), "Transpose layer1.0.conv2: perm [0, 0] is no permutation. Inputs: float32[2, 3]."],
  ["parts that disagree", () => g.concat([float(2, 3), float(3, 3)], 1), "Concat layer1.0.conv2: inputs must agree on every axis but 1. Inputs: float32[2, 3], float32[3, 3]."],
  ["a scale of other length", () => g.quantizeLinear(float(2, 3), float(2), g.input("z", "uint8", [2])), "QuantizeLinear layer1.0.conv2: the scale must be a scalar or have shape [3], got [2]. Inputs: float32[2, 3], float32[2], uint8[2]."],
  ["a zero point of other shape", () => g.quantizeLinear(float(2, 3), float(), g.input("z", "uint8", [3])), "QuantizeLinear layer1.0.conv2: the zero point must have the scale's shape [], got [3]. Inputs: float32[2, 3], float32[], uint8[3]."],
  ["floats where numbers are quantised", () => g.dequantizeLinear(float(2) as g.Value as g.Value<"int8">, float()), "DequantizeLinear layer1.0.conv2: the input must be uint8, int8 or int32, got float32. Inputs: float32[2], float32[]."],
  ["a fractional stride", () => g.conv(images, float(8, 130, 3, 3), undefined, { strides: [1.5, 2] }), 'Conv layer1.0.conv2: attribute "strides" must be ints, got [1.5,2]. Inputs: float32[N, 130, 56, 56], float32[8, 130, 3, 3].'],
  ["a pool without a window", () => g.maxPool(images, {} as g.PoolAttributes), 'MaxPool layer1.0.conv2: needs the attribute "kernel_shape" (ints). Inputs: float32[N, 130, 56, 56].'],
  ["an attribute that ONNX does not have", () => g.maxPool(images, { kernel_shape: [3, 3], padding: 1 } as g.PoolAttributes), 'MaxPool layer1.0.conv2: has no attribute "padding" (known: kernel_shape, strides, pads). Inputs: float32[N, 130, 56, 56].'],
];

describe("refusals", () => {
  it.each(refusals)("%s", (_name, build, message) => {
    const inLayer = (): unknown => g.scope("layer1", () => g.scope("0", () => g.scope("conv2", build)));
    expect(inLayer).toThrow(new GraphError("graph/invalid-op", message));
    expect(inLayer).toThrow(expect.objectContaining({ code: "graph/invalid-op" }) as Error);
  });

  it("leaves the scope after a refusal", () => {
    expect(() => g.scope("layer1", () => g.add(float(2), float(3)))).toThrow("Add layer1:");
    expect(g.currentScope()).toBe("");
  });

  it.each<[string, () => unknown, string]>([
    [
      "two inputs of one name",
      () => g.buildGraph({ sum: g.add(float(2), float(2)) }),
      'Two different inputs are named "x"; make the input once and use the same value.',
    ],
    [
      "an output that is an input",
      () => g.buildGraph({ same: float(2) }),
      'Output "same" is no node\'s result; pass it through an op.',
    ],
    [
      "an output named as an input",
      () => g.buildGraph({ x: g.relu(float(2)) }),
      'An input and an output are both named "x"; rename one.',
    ],
    [
      "one value under two names",
      () => {
        const value = g.relu(float(2));
        return g.buildGraph({ a: value, b: value });
      },
      'Outputs "a" and "b" are the same value; keep one.',
    ],
  ])("refuses %s", (_name, build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(GraphError);
  });
});

describe("checkGraph", () => {
  const x = float("N", 4);
  const scaled = g.scope("scale", () => g.mul(x, g.float32(2)));
  const graph = g.buildGraph({ y: g.scope("act", () => g.relu(scaled)) });
  const [first, second] = graph.nodes as [g.Node, g.Node];

  it("accepts what the builder makes", () => {
    expect(() => g.checkGraph(graph)).not.toThrow();
  });

  const strange: g.Node["op"] = { ...first.op, type: "Tanh" };
  it.each<[string, g.Graph, string]>([
    [
      "nodes out of order",
      { ...graph, nodes: [second, first] },
      "Relu act reads a value that is not computed before it.",
    ],
    ["a missing node", { ...graph, nodes: [first] }, 'Output "y" is not computed by any node of the graph.'],
    [
      "a constant that is not listed",
      { ...graph, constants: [] },
      "Mul scale reads a value that is not computed before it.",
    ],
    [
      "an input that is not listed",
      { ...graph, inputs: new Map() },
      "Mul scale reads a value that is not computed before it.",
    ],
    [
      "an op that is not in the table",
      { ...graph, nodes: [{ ...first, op: strange }, second] },
      "Tanh scale is not in the table of ops.",
    ],
    [
      "an output of another shape",
      { ...graph, nodes: [{ ...first, outputs: [{ ...scaled, shape: ["N", 5] }] }, second] },
      "Mul scale has outputs its op does not infer.",
    ],
    [
      "an output too many",
      { ...graph, nodes: [{ ...first, outputs: [scaled, scaled] }, second] },
      "Mul scale has outputs its op does not infer.",
    ],
    [
      "an input too few",
      { ...graph, nodes: [{ ...first, inputs: [x] }, second] },
      "Mul scale: needs input 1, which is missing",
    ],
  ])("refuses %s", (_name, broken, message) => {
    expect(() => g.checkGraph(broken)).toThrow(message);
    expect(() => g.encodeModel(broken)).toThrow(GraphError);
  });
});

describe("lowering", () => {
  const x = float(1, 16, 8);
  const w = g.input("w", "float32", [16, 16, 3]);
  const loss = g.reduceSum(g.conv(x, w), [0, 1, 2], { keepdims: 0 });
  const [gradient] = g.gradients(loss, [w]);
  const graph = g.buildGraph({ gradient: gradient! });

  it.each([
    ["for any target", () => g.lower(graph, g.standard)],
    ["for blocked kernels", () => g.lowerBlocked(graph, 16, g.blockedTraining)],
  ])("refuses the gradient of a convolution over one axis %s", (_name, lowered) => {
    expect(lowered).toThrow(GraphError);
    expect(lowered).toThrow(expect.objectContaining({ code: "graph/not-4d" }) as Error);
    expect(lowered).toThrow("Expected a window over rows and columns, got one of [3]");
  });
});

describe("core", () => {
  it("refuses data that do not fill the shape", () => {
    const made = (): unknown => tensor("float32", [2, 3], new Float32Array(5));
    const message = "tensor: shape [2, 3] holds 6 elements, the data has 5.";
    expect(made).toThrow(new UsageError("core/tensor-shape", message));
    expect(made).toThrow(expect.objectContaining({ code: "core/tensor-shape" }) as Error);
  });

  it("refuses to read past the end of bytes", async () => {
    await expect(bytesSource("four.bin", new Uint8Array(4)).read(2, 3)).rejects.toMatchObject({
      name: "DataError",
      code: "core/out-of-range",
      message: "four.bin: bytes 2..5 lie outside its 4 bytes.",
    });
  });
});
