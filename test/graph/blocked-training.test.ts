import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/core/index.ts";
import {
  add,
  batchNormalization,
  batchNormTraining,
  blockedTraining,
  buildGraph,
  checkGraph,
  conv,
  flatten,
  globalAveragePool,
  gradients,
  lowerBlocked,
  maxPool,
  mul,
  reduceSum,
  relu,
  type ConvAttributes,
  type Graph,
  type Value,
} from "../../src/graph/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { inputsFor, relativeError, runGraph, type Feeds } from "../support/run-graph.ts";

type Float = Value<"float32">;

const blockSize = await cpuBlockSize();
const { normal, uniform } = randomTensors(40);

interface Case {
  readonly inputs: Readonly<Record<string, Tensor<"float32">>>;
  readonly build: (values: Readonly<Record<string, Float>>) => Float;
  /** Whether plain convolutions are left: no rule covers these shapes. */
  readonly stays?: true;
  /** Inputs without gradient. */
  readonly data?: readonly string[];
}

const square = (pads: number, stride = 1, group = 1, dilation = 1): ConvAttributes => ({
  pads: [pads, pads, pads, pads],
  strides: [stride, stride],
  dilations: [dilation, dilation],
  group,
});

/** One convolution whose input is blocked, too: a blocked value comes out of a ReLU. */
const convolution = (
  x: readonly [number, number, number, number],
  w: readonly [number, number, number, number],
  attributes: ConvAttributes = {},
): Case => ({
  inputs: { x: normal(...x), w: normal(...w), s: normal(x[1]), t: normal(x[1]) },
  build: ({ x: image, w: weight, s, t }) =>
    conv(relu(batchNormTraining(image!, s!, t!, 1e-5).y), weight!, undefined, attributes),
});

const image = { x: normal(2, 32, 12, 10), s: normal(32), t: normal(32) };
const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };

const cases: Readonly<Record<string, Case>> = {
  "1x1": convolution([3, 32, 9, 7], [48, 32, 1, 1]),
  "1x1 with many images of few pixels": convolution([34, 16, 2, 3], [32, 16, 1, 1]),
  "1x1 with stride": convolution([2, 32, 8, 6], [64, 32, 1, 1], square(0, 2)),
  "1x1 with stride and a row left over": convolution([2, 32, 9, 7], [64, 32, 1, 1], square(0, 2)),
  "1x1 with padding": convolution([2, 32, 5, 6], [32, 32, 1, 1], square(1)),
  "dense 3x3": convolution([3, 32, 9, 8], [48, 32, 3, 3], square(1)),
  "dense 3x3 of few pixels": convolution([2, 32, 8, 7], [48, 32, 3, 3], square(1)),
  "dense 3x3 with stride": convolution([2, 32, 16, 18], [32, 32, 3, 3], square(1, 2)),
  "dense 3x3 with stride, of few pixels": convolution([2, 32, 8, 6], [32, 32, 3, 3], square(1, 2)),
  "dense 2x2 with rows that are never read": convolution([2, 16, 24, 25], [16, 16, 2, 2], square(0, 3)),
  "groups of 4": convolution([2, 64, 8, 7], [64, 4, 3, 3], square(1, 1, 16)),
  "groups of 4 with stride": convolution([3, 32, 8, 6], [32, 4, 3, 3], square(1, 2, 8)),
  "groups of 4 with stride and odd lengths": convolution([2, 32, 7, 9], [32, 4, 3, 3], square(1, 2, 8)),
  "groups of 16": convolution([2, 64, 6, 5], [64, 16, 3, 3], square(1, 1, 4)),
  "groups of 32": convolution([2, 128, 6, 5], [128, 32, 3, 3], square(1, 1, 4)),
  "groups of 32 with stride": convolution([2, 64, 6, 8], [64, 32, 3, 3], square(1, 2, 2)),
  "groups of 6": convolution([2, 48, 6, 5], [48, 6, 3, 3], square(1, 1, 8)),
  "groups with more outputs than inputs": convolution([2, 32, 6, 5], [64, 4, 3, 3], square(1, 1, 8)),
  "groups in an odd batch": convolution([3, 128, 6, 5], [128, 4, 3, 3], square(1, 1, 32)),
  "groups of which one image has too many and not whole blocks": convolution(
    [2, 384, 3, 4],
    [384, 16, 3, 3],
    square(1, 1, 24),
  ),
  "groups with dilation": convolution([2, 32, 9, 8], [32, 4, 3, 3], square(2, 1, 8, 2)),
  depthwise: convolution([2, 32, 6, 5], [32, 1, 3, 3], square(1, 1, 32)),
  "a kernel of 1x3": convolution([2, 32, 6, 5], [32, 4, 1, 3], { group: 8, pads: [0, 1, 0, 1] }),
  "an even kernel": convolution([2, 32, 6, 5], [32, 4, 2, 2], { group: 8, pads: [0, 0, 1, 1] }),
  "rows that are never read": convolution([2, 32, 8, 9], [32, 4, 2, 2], square(0, 3, 8)),
  "groups that fill no block": { ...convolution([2, 20, 6, 5], [20, 4, 3, 3], square(1, 1, 5)), stays: true },
  "channels that fill no block": { ...convolution([2, 32, 6, 5], [12, 32, 3, 3], square(1)), stays: true },
  "a stem of 7x7": {
    inputs: { x: normal(2, 3, 22, 18), w: normal(32, 3, 7, 7) },
    build: ({ x, w }) => conv(x!, w!, undefined, square(3, 2)),
    data: ["x"],
  },
  "a stem in a batch of more than a block": {
    inputs: { x: normal(19, 3, 6, 5), w: normal(16, 3, 3, 3) },
    build: ({ x, w }) => conv(x!, w!, undefined, square(1)),
    data: ["x"],
  },
  "a stem of one channel, not square": {
    inputs: { x: normal(2, 1, 9, 11), w: normal(32, 1, 2, 3) },
    build: ({ x, w }) => conv(x!, w!, undefined, { strides: [1, 2], pads: [1, 0, 0, 1] }),
    data: ["x"],
  },
  "a stem of 3x3": {
    inputs: { x: normal(2, 3, 9, 8), w: normal(32, 3, 3, 3) },
    build: ({ x, w }) => conv(x!, w!, undefined, square(1)),
    data: ["x"],
  },
  "a residual block": {
    inputs: { ...image, w: normal(32, 32, 1, 1) },
    build: ({ x, s, t, w }) => {
      const before = relu(batchNormTraining(x!, s!, t!, 1e-5).y);
      return relu(add(batchNormTraining(conv(before, w!), s!, t!, 1e-5).y, before));
    },
  },
  "a projected shortcut": {
    inputs: { ...image, w: normal(64, 32, 1, 1), v: normal(64, 32, 1, 1), a: normal(64), b: normal(64) },
    build: ({ x, s, t, w, v, a, b }) => {
      const before = relu(batchNormTraining(x!, s!, t!, 1e-5).y);
      const branch = batchNormTraining(conv(before, w!, undefined, square(0, 2)), a!, b!, 1e-5).y;
      return relu(add(branch, batchNormTraining(conv(before, v!, undefined, square(0, 2)), b!, a!, 1e-5).y));
    },
  },
  "frozen statistics": {
    inputs: { ...image, w: normal(32, 32, 1, 1), m: normal(32), v: uniform(0.5, 2, 32) },
    build: ({ x, s, t, w, m, v }) =>
      relu(batchNormalization(conv(x!, w!), { weight: s!, bias: t!, runningMean: m!, runningVar: v! }, 1e-5)),
    data: ["m", "v"],
  },
  "a pool": {
    inputs: image,
    build: ({ x, s, t }) => maxPool(relu(batchNormTraining(x!, s!, t!, 1e-5).y), pool),
  },
  "a pool of equal elements": {
    inputs: { ...image, x: { ...image.x, data: image.x.data.map((value) => Math.round(value)) } },
    build: ({ x, s, t }) => maxPool(batchNormTraining(x!, s!, t!, 1e-5).y, pool),
  },
  "pooling to a vector": {
    inputs: image,
    build: ({ x, s, t }) => flatten(globalAveragePool(relu(batchNormTraining(x!, s!, t!, 1e-5).y))),
  },
};

/** The output, and the gradients of its product with a fixed direction by every input. */
function withGradients({ inputs, build, data = [] }: Case): { readonly graph: Graph; readonly feeds: Feeds } {
  const { shape } = build(inputsFor(inputs));
  const feeds = { ...inputs, direction: randomTensors(7).normal(...(shape as readonly number[])) };
  const values = inputsFor(feeds) as Readonly<Record<string, Float>>;
  const y = build(values);
  const names = Object.keys(inputs).filter((name) => !data.includes(name));
  const axes = shape.map((_, axis) => axis);
  const grads = gradients(
    reduceSum(mul(y, values["direction"]!), axes, { keepdims: 0 }),
    names.map((name) => values[name]!),
  );
  const outputs = names.map((name, index): [string, Float] => [`d_${name}`, grads[index]!]);
  return { graph: buildGraph({ y, ...Object.fromEntries(outputs) }), feeds };
}

describe.skipIf(blockSize === undefined)(
  "training in blocks (skipped where ONNX Runtime has no blocked kernels)",
  () => {
    it.each(Object.entries(cases))("%s", async (_name, each) => {
      const { graph, feeds } = withGradients(each);
      const blocked = lowerBlocked(graph, blockSize!, blockedTraining);
      checkGraph(blocked);
      const plainConvs = blocked.nodes.filter(({ op }) => op.type === "Conv").length;
      expect(plainConvs > 0).toBe(each.stays === true);
      const [found, expected] = [await runGraph(blocked, feeds), await runGraph(graph, feeds)];
      expect(Object.keys(found)).toEqual(Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) {
        expect(found[name]?.dims).toEqual(value.dims);
        expect([name, relativeError(found[name]!, value) < 2e-5]).toEqual([name, true]);
      }
    });
  },
);
