import { describe, expect, it } from "vitest";
import {
  add,
  blockedInference,
  buildGraph,
  checkGraph,
  constant,
  conv,
  flatten,
  globalAveragePool,
  input,
  lowerBlocked,
  maxPool,
  relu,
  type Graph,
  type Value,
} from "../../src/graph/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { relativeError, runGraph } from "../support/run-graph.ts";

type Float = Value<"float32">;

const blockSize = await cpuBlockSize();
const { normal } = randomTensors(12);
const photo = { x: normal(2, 3, 12, 10) };

const filters = (out: number, channels: number, kernel: number): Float =>
  constant(normal(out, channels, kernel, kernel));
const same = { pads: [1, 1, 1, 1] };

/** Something of which each part may be blocked or not, from three channels. */
const cases: Readonly<Record<string, (x: Float) => Readonly<Record<string, Float>>>> = {
  "a stem": (x) => ({
    y: conv(x, filters(32, 3, 7), constant(normal(32)), { pads: [3, 3, 3, 3], strides: [2, 2] }),
  }),
  "a stem with ReLU and pool": (x) => ({
    y: maxPool(relu(conv(x, filters(32, 3, 3))), {
      kernel_shape: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    }),
  }),
  "groups, strides and dilation": (x) => {
    const wide = relu(conv(x, filters(64, 3, 3), undefined, same));
    const grouped = relu(
      conv(wide, filters(64, 32, 3), constant(normal(64)), { ...same, group: 2, strides: [2, 2] }),
    );
    return { y: conv(grouped, filters(32, 64, 3), undefined, { dilations: [2, 2], pads: [2, 2, 2, 2] }) };
  },
  "groups of 4, merged": (x) => {
    const wide = conv(x, filters(32, 3, 1));
    return { y: relu(conv(wide, filters(64, 4, 3), constant(normal(64)), { ...same, group: 8 })) };
  },
  "a residual block": (x) => {
    const before = relu(conv(x, filters(32, 3, 1)));
    const branch = conv(relu(conv(before, filters(32, 32, 3), undefined, same)), filters(32, 32, 1));
    return { y: relu(add(branch, before)), tap: before };
  },
  "a projected shortcut": (x) => {
    const before = relu(conv(x, filters(32, 3, 1)));
    return { y: relu(add(conv(before, filters(64, 32, 1)), conv(before, filters(64, 32, 1)))) };
  },
  "one value added to itself": (x) => {
    const value = conv(x, filters(32, 3, 1));
    return { y: add(value, value) };
  },
  "a convolution with two readers": (x) => {
    const value = conv(x, filters(32, 3, 1));
    return { y: relu(value), z: conv(value, filters(32, 32, 1)) };
  },
  "two ReLUs and a second addition": (x) => {
    const value = relu(relu(conv(x, filters(32, 3, 1))));
    return { y: add(add(conv(value, filters(32, 32, 1)), value), value) };
  },
  "pooling to a vector": (x) => ({ y: flatten(globalAveragePool(relu(conv(x, filters(32, 3, 3))))) }),
  "channels that fill no block": (x) => {
    const value = relu(conv(x, filters(32, 3, 1)));
    return { y: conv(conv(value, filters(12, 32, 1)), filters(32, 12, 1)) };
  },
  "an addend of another shape": (x) => ({ y: add(conv(x, filters(32, 3, 1)), constant(normal(32, 1, 1))) }),
};

describe.skipIf(blockSize === undefined)(
  "inference in blocks (skipped where ONNX Runtime has no blocked kernels)",
  () => {
    it.each(Object.entries(cases))("%s", async (_name, build) => {
      const graph = buildGraph(build(input("x", "float32", ["N", 3, 12, 10])));
      const blocked = lowerBlocked(graph, blockSize!, blockedInference);
      checkGraph(blocked);
      expect(count(blocked, "BlockedConv")).toBeGreaterThan(0);
      const [found, expected] = [await runGraph(blocked, photo), await runGraph(graph, photo)];
      expect(Object.keys(found)).toEqual(Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) {
        expect(found[name]?.dims).toEqual(value.dims);
        expect(relativeError(found[name]!, value)).toBeLessThan(1e-5);
      }
    });

    it("leaves nothing behind the convolutions of a residual block", () => {
      const graph = buildGraph(cases["a residual block"]!(input("x", "float32", ["N", 3, 12, 10])));
      const blocked = lowerBlocked(graph, blockSize!, blockedInference);
      expect([count(blocked, "Relu"), count(blocked, "Add"), count(blocked, "Conv")]).toEqual([0, 0, 0]);
    });

    it.each<[string, boolean, number, (x: Float) => Float]>([
      ["groups that fill a block", true, 32, (x) => conv(x, filters(32, 8, 3), undefined, { group: 4 })],
      [
        "groups that fill it with more outputs",
        true,
        32,
        (x) => conv(x, filters(64, 4, 3), undefined, { group: 8 }),
      ],
      ["a depthwise convolution", false, 32, (x) => conv(x, filters(32, 1, 3), undefined, { group: 32 })],
      [
        "groups that fill no single block",
        false,
        96,
        (x) => conv(x, filters(96, 6, 3), undefined, { group: 16 }),
      ],
      ["a weight that is computed", false, 32, (x) => conv(x, relu(filters(32, 32, 1)))],
    ])("of plain images of many channels takes or leaves %s", (_name, taken, channels, build) => {
      const x = input("x", "float32", ["N", channels, 12, 10]);
      const blocked = lowerBlocked(buildGraph({ y: build(x) }), 16, blockedInference);
      checkGraph(blocked);
      expect([count(blocked, "BlockedConv"), count(blocked, "Conv")]).toEqual(taken ? [1, 0] : [0, 1]);
    });

    it("is wrong with another block, which is why the block is probed", async () => {
      const graph = buildGraph(cases["a residual block"]!(input("x", "float32", [2, 3, 12, 10])));
      const wrong = await runGraph(lowerBlocked(graph, blockSize === 16 ? 8 : 16, blockedInference), photo);
      const right = await runGraph(graph, photo);
      expect(relativeError(wrong["y"]!, right["y"]!)).toBeGreaterThan(0.1);
    });
  },
);

const count = (graph: Graph, type: string): number => graph.nodes.filter(({ op }) => op.type === type).length;
