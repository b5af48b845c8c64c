import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/core/index.ts";
import {
  add,
  batchNormalization,
  buildGraph,
  checkGraph,
  constant,
  conv,
  flattenScaled,
  float32,
  foldBatchNorm,
  input,
  mergeGroups,
  mul,
  relu,
  rewrite,
  scope,
  sub,
  type Graph,
  type Value,
} from "../../src/graph/index.ts";
import { family, resnetConfig, type Output } from "../../src/nn/index.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { relativeError, runGraph, type Feeds } from "../support/run-graph.ts";
import { livelyStateDict, resnetGraph } from "../support/tiny-resnet.ts";

const { normal, uniform } = randomTensors(11);
const feeds = { x: normal(2, 8, 10, 9) };
const x = input("x", "float32", ["N", 8, 10, 9]);

const countOps = (graph: Graph, type: string): number =>
  graph.nodes.filter((node) => node.op.type === type).length;

/** Runs both graphs, and expects the same outputs of clearly nonzero size. */
async function expectSame(rewritten: Graph, original: Graph, given: Feeds): Promise<void> {
  checkGraph(rewritten);
  const [found, expected] = [await runGraph(rewritten, given), await runGraph(original, given)];
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    expect(found[name]?.dims).toEqual(value.dims);
    expect(Math.max(...Array.from(value.data as Float32Array, Math.abs))).toBeGreaterThan(0.01);
    expect(relativeError(found[name]!, value)).toBeLessThan(1e-5);
  }
}

type Statistics = Readonly<Record<"weight" | "bias" | "runningMean" | "runningVar", Value<"float32">>>;

const statistics = (channels: number): Statistics => ({
  weight: constant(normal(channels)),
  bias: constant(normal(channels)),
  runningMean: constant(normal(channels)),
  runningVar: constant(uniform(0.1, 3, channels)),
});

const filters = constant(normal(6, 8, 3, 3), "conv1.weight");

describe("foldBatchNorm", () => {
  it("leaves the result, and nothing to fold", async () => {
    const graph = buildGraph({ y: relu(batchNormalization(conv(x, filters), statistics(6), 1e-5)) });
    const folded = foldBatchNorm(graph);
    expect(countOps(folded, "BatchNormalization")).toBe(0);
    expect(folded.nodes).toHaveLength(2);
    await expectSame(folded, graph, feeds);
  });

  it("uses the normalisation's own epsilon", async () => {
    const tiny = { ...statistics(6), runningVar: constant(uniform(0, 1e-3, 6)) };
    const graph = buildGraph({ y: batchNormalization(conv(x, filters), tiny, 0.5) });
    const folded = foldBatchNorm(graph);
    expect(countOps(folded, "BatchNormalization")).toBe(0);
    await expectSame(folded, graph, feeds);
  });

  it("keeps the name of the weight, and names the bias after it", () => {
    const graph = buildGraph({ y: batchNormalization(conv(x, filters), statistics(6), 1e-5) });
    const names = foldBatchNorm(graph).constants.map(
      ({ source }) => source.kind === "constant" && source.name,
    );
    expect(names).toEqual(["conv1.weight", "conv1.bias"]);
  });

  it("keeps the scope of the convolution", () => {
    const convolved = scope("conv1", () => conv(x, filters));
    const y = scope("bn1", () => batchNormalization(convolved, statistics(6), 1e-5));
    expect(foldBatchNorm(buildGraph({ y })).nodes.map((node) => node.scope)).toEqual(["conv1"]);
  });

  it("folds weights that two convolutions share into each with its own statistics", async () => {
    const branch = (): Value<"float32"> => batchNormalization(conv(x, filters), statistics(6), 1e-5);
    const graph = buildGraph({ y: add(branch(), branch()) });
    const folded = foldBatchNorm(graph);
    expect(countOps(folded, "BatchNormalization")).toBe(0);
    await expectSame(folded, graph, feeds);
  });

  const shared = conv(x, filters);
  const running = input("weight", "float32", [6, 8, 3, 3]);
  const kept: readonly (readonly [string, Graph, Feeds])[] = [
    [
      "a convolution that two nodes read",
      buildGraph({ y: add(batchNormalization(shared, statistics(6), 1e-5), shared) }),
      feeds,
    ],
    [
      "a convolution with two normalisations",
      buildGraph({
        y: add(
          batchNormalization(shared, statistics(6), 1e-5),
          batchNormalization(shared, statistics(6), 1e-5),
        ),
      }),
      feeds,
    ],
    [
      "a convolution that is an output too",
      buildGraph({ y: batchNormalization(shared, statistics(6), 1e-5), raw: shared }),
      feeds,
    ],
    [
      "weights that are fed",
      buildGraph({ y: batchNormalization(conv(x, running), statistics(6), 1e-5) }),
      { ...feeds, weight: normal(6, 8, 3, 3) },
    ],
    [
      "statistics that are fed",
      buildGraph({
        y: batchNormalization(
          conv(x, filters),
          { ...statistics(6), runningMean: input("mean", "float32", [6]) },
          1e-5,
        ),
      }),
      { ...feeds, mean: normal(6) },
    ],
    ["no convolution before it", buildGraph({ y: batchNormalization(relu(x), statistics(8), 1e-5) }), feeds],
  ];
  it.each(kept)("leaves alone: %s", async (_name, graph, given) => {
    const folded = foldBatchNorm(graph);
    expect(countOps(folded, "BatchNormalization")).toBe(countOps(graph, "BatchNormalization"));
    await expectSame(folded, graph, given);
  });
});

describe("mergeGroups", () => {
  const grouped = (channels: number, out: number, group: number, biased = false): Graph => {
    const value = input("x", "float32", ["N", channels, 10, 9]);
    const weight = constant(normal(out, channels / group, 3, 3));
    const bias = biased ? constant(normal(out)) : undefined;
    return buildGraph({ y: conv(value, weight, bias, { group, strides: [2, 1], pads: [1, 1, 1, 1] }) });
  };
  const groupOf = (graph: Graph): unknown => graph.nodes[0]?.attributes["group"];

  it.each([
    { channels: 128, out: 128, group: 32, merged: 8 },
    { channels: 32, out: 64, group: 8, merged: 2 },
    { channels: 24, out: 12, group: 4, merged: 2 },
    { channels: 16, out: 16, group: 8, merged: 1 },
    { channels: 32, out: 32, group: 2, merged: 2 },
  ])(
    "$channels to $out channels in $group groups becomes $merged",
    async ({ channels, out, group, merged }) => {
      for (const biased of [false, true]) {
        const graph = grouped(channels, out, group, biased);
        const result = mergeGroups(graph, 16);
        expect(groupOf(result)).toBe(merged);
        await expectSame(result, graph, { x: normal(2, channels, 10, 9) });
      }
    },
  );

  it.each([
    ["a depthwise convolution", grouped(16, 16, 16)],
    ["groups that are wide already", grouped(64, 64, 4)],
    ["groups of a number that the merge does not divide", grouped(20, 10, 5)],
  ])("leaves alone: %s", (_name, graph) => {
    expect(mergeGroups(graph, 16).nodes).toEqual(graph.nodes);
  });
});

describe("a whole network", () => {
  const config = resnetConfig({ layers: [1, 2, 1], cardinality: 8, baseWidth: 16, width: 16, numClasses: 7 });
  const weights = livelyStateDict(config, 5);
  const images: Tensor = normal(3, 3, 64, 64);
  const outputs: readonly Output[] = [...family.taps.slice(0, 4), "embedding", "logits"];

  it("answers the same folded and merged, at every tap", async () => {
    const graph = resnetGraph(config, weights, outputs, 64);
    const lowered = mergeGroups(foldBatchNorm(graph), 16);
    expect(countOps(graph, "BatchNormalization")).toBe(16);
    expect(countOps(lowered, "BatchNormalization")).toBe(0);
    await expectSame(lowered, graph, { images });
  });

  it("stays the same graph under a rule that changes nothing", () => {
    const graph = resnetGraph(config, weights, outputs, 64);
    const same = rewrite(graph, () => undefined);
    expect(same.nodes).toEqual(graph.nodes);
    expect(same.nodes.every((node, index) => node === graph.nodes[index])).toBe(true);
  });
});

describe("flattenScaled", () => {
  const weights = { w: normal(6, 8, 1, 1) };
  const w = input("w", "float32", [6, 8, 1, 1]);

  it("makes vectors of tensors that end in axes of 1 and meet a scalar on either side", async () => {
    const graph = buildGraph({ left: mul(w, float32(3)), right: sub(float32(2), w) });
    const flattened = flattenScaled(graph);
    const scaled = flattened.nodes.filter(({ op }) => op.type === "Mul" || op.type === "Sub");
    expect(scaled.map(({ outputs }) => outputs[0]!.shape)).toEqual([[48], [48]]);
    await expectSame(flattened, graph, weights);
  });

  it("leaves the others as they are", () => {
    const graph = buildGraph({
      wide: mul(input("v", "float32", [6, 8, 1, 3]), float32(3)),
      both: add(w, w),
      free: mul(input("u", "float32", ["N", 1]), float32(3)),
    });
    expect(flattenScaled(graph).nodes).toEqual(graph.nodes);
  });
});
