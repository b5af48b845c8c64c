import { describe, expect, it } from "vitest";
import { tensor, type Tensor } from "../../src/core/index.ts";
import {
  add,
  buildGraph,
  checkGraph,
  constant,
  conv,
  encodeModel,
  foldBatchNorm,
  input,
  maxPool,
  mergeGroups,
  quantiseConvolutions,
  rangeGraph,
  relu,
  scope,
  type ActivationRange,
  type ActivationRanges,
  type Graph,
  type Value,
} from "../../src/graph/index.ts";
import { resnetConfig } from "../../src/nn/index.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { optimisedOps } from "../support/optimised-ops.ts";
import { collect, relativeError, runGraph, type Feeds } from "../support/run-graph.ts";
import { livelyStateDict, resnetGraph } from "../support/tiny-resnet.ts";
import { hasTorch } from "../support/torch.ts";
import { evaluateInTorch } from "../support/torch-tensors.ts";

const { normal } = randomTensors(3);
const feeds = { x: normal(4, 8, 12, 12) };
const x = input("x", "float32", ["N", 8, 12, 12]);
const filters = { w0: normal(16, 8, 3, 3), w1: normal(16, 16, 1, 1), w2: normal(16, 4, 3, 3) };
const biases = { b0: normal(16), b1: normal(16), b2: normal(16) };
const same = { pads: [1, 1, 1, 1] };

type X = Value<"float32">;
const convolve = (name: string, value: X, weight: Tensor<"float32">, bias: Tensor<"float32">, more = {}): X =>
  scope(name, () =>
    conv(value, constant(tensor("float32", weight.dims, weight.data)), constant(bias as never), more),
  );

/** A residual block with a grouped convolution; `b` is read by a convolution and is an output too. */
function block(): Graph {
  const a = relu(convolve("conv0", x, filters.w0, biases.b0, same));
  const b = relu(convolve("conv1", a, filters.w1, biases.b1));
  const c = convolve("conv2", b, filters.w2, biases.b2, { ...same, group: 4 });
  const d = relu(scope("join", () => add(c, a)));
  const last = convolve("conv3", d, filters.w1, biases.b1);
  return buildGraph({ b, d, y: last });
}

/** The ranges that a graph's activations take on these feeds. */
async function rangesOn(graph: Graph, given: Feeds): Promise<ActivationRanges> {
  const { graph: measuring, readers } = rangeGraph(graph);
  const { min, max } = await runGraph(measuring, given);
  const extreme = (column: number, found: Tensor, pick: (...values: readonly number[]) => number): number =>
    pick(...Array.from(found.data as Float32Array).filter((_, index) => index % readers.length === column));
  return new Map(
    readers.flatMap((names, column) =>
      names.map((name): [string, ActivationRange] => [
        name,
        { min: extreme(column, min!, Math.min), max: extreme(column, max!, Math.max) },
      ]),
    ),
  );
}

const constantsOf = async (graph: Graph, dtype: string): Promise<readonly Tensor[]> =>
  Promise.all(
    graph.constants
      .filter((value) => value.dtype === dtype)
      .map(({ source }) => (source.kind === "constant" ? source.tensor.load() : Promise.reject(new Error()))),
  );

describe("rangeGraph", () => {
  it("measures what convolutions and additions read, once for all readers", async () => {
    const ranges = await rangesOn(block(), feeds);
    expect([...ranges.keys()].toSorted()).toEqual(
      ["conv0/Conv/0", "conv1/Conv/0", "conv2/Conv/0", "conv3/Conv/0", "join/Add/0", "join/Add/1"].toSorted(),
    );
    expect(ranges.get("join/Add/1")).toEqual(ranges.get("conv1/Conv/0"));
    const values = Array.from(feeds.x.data);
    expect(ranges.get("conv0/Conv/0")).toEqual({ min: Math.min(...values), max: Math.max(...values) });
    expect(ranges.get("conv1/Conv/0")!.min).toBe(0);
  });
});

describe("quantiseConvolutions", () => {
  it("gives nearly the same, in 8-bit filters", async () => {
    const graph = block();
    const quantised = quantiseConvolutions(graph, await rangesOn(graph, feeds));
    checkGraph(quantised);
    const [found, expected] = [await runGraph(quantised, feeds), await runGraph(graph, feeds)];
    for (const name of ["b", "d", "y"]) {
      const error = relativeError(found[name]!, expected[name]!);
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(0.03);
    }
    expect(await constantsOf(quantised, "int8")).toHaveLength(8);
  });

  it.skipIf(!hasTorch)("computes what the definition of quantisation says, in PyTorch", async () => {
    const graph = block();
    const ranges = await rangesOn(graph, feeds);
    const { b, d } = await runGraph(quantiseConvolutions(graph, ranges), feeds);
    const range = (reader: string): Tensor<"float32"> => {
      const { min, max } = ranges.get(reader)!;
      return tensor("float32", [2], Float32Array.of(min, max));
    };
    const given = {
      ...feeds,
      ...filters,
      ...biases,
      rx: range("conv0/Conv/0"),
      ra: range("conv1/Conv/0"),
      rb: range("conv2/Conv/0"),
      rc: range("join/Add/0"),
      rd: range("conv3/Conv/0"),
    };
    const definition = `(
      scale := lambda r: ((r[1].double() - r[0].double()) / 255).float().double(),
      zero := lambda r: torch.round(-r[0] / scale(r)),
      byte := lambda v, r: torch.clamp(torch.round(v.double() / scale(r)) + zero(r), 0, 255),
      real := lambda v, r: (byte(v, r) - zero(r)) * scale(r),
      unit := lambda w: (w.abs().flatten(1).amax(1).double() / 127).float().double(),
      whole := lambda w: torch.round(w.double() / unit(w)[:, None, None, None]),
      sums := lambda v, r, w, b, **how: F.conv2d(byte(v, r) - zero(r), whole(w), torch.round(b / (scale(r) * unit(w))), **how),
      conv := lambda v, r, w, b, **how: sums(v, r, w, b, **how) * (scale(r) * unit(w))[:, None, None],
      a := conv(x, rx, w0, b0, padding=1).relu(),
      b := conv(a, ra, w1, b1).relu(),
      c := conv(b, rb, w2, b2, padding=1, groups=4),
      d := (real(c, rc) + real(a, ra)).relu(),
      (real(b, rb).float(), real(d, rd).float()),
    )[-1]`;
    const reference = evaluateInTorch({
      b: { inputs: given, torch: `${definition}[0]` },
      d: { inputs: given, torch: `${definition}[1]` },
    });
    for (const [name, found, reader] of [
      ["b", b, "conv2/Conv/0"],
      ["d", d, "conv3/Conv/0"],
    ] as const) {
      const { min, max } = ranges.get(reader)!;
      const steps = Array.from(found!.data as Float32Array, (value, index) =>
        Math.round(Math.abs(value - Number(reference[name]!.data[index])) / ((max - min) / 255)),
      );
      // Runtimes scale sums in float32: a value that lies between two bytes may go to either.
      expect(Math.max(...steps)).toBeLessThanOrEqual(1);
      expect(steps.filter((step) => step > 0).length / steps.length).toBeLessThan(0.01);
    }
  });

  it("is not changed by the merging of groups", async () => {
    const graph = block();
    const ranges = await rangesOn(graph, feeds);
    const merged = mergeGroups(graph, 16);
    expect(merged.nodes.some((node) => node.attributes["group"] === 4)).toBe(false);
    const [apart, together] = [
      await runGraph(quantiseConvolutions(graph, ranges), feeds),
      await runGraph(quantiseConvolutions(merged, ranges), feeds),
    ];
    expect(together).toEqual(apart);
  });

  it("gives a pool one scale on both sides", async () => {
    const pooled = maxPool(relu(convolve("conv0", x, filters.w0, biases.b0)), { kernel_shape: [2, 2] });
    const after = relu(convolve("conv1", pooled, filters.w1, biases.b1));
    const graph = buildGraph({ y: convolve("conv2", after, filters.w1, biases.b1) });
    const quantised = quantiseConvolutions(graph, await rangesOn(graph, feeds));
    const ops = await optimisedOps(await collect(encodeModel(quantised).model));
    expect(ops).toMatchObject({ QLinearConv: 2, QuantizeLinear: 1 });
    expect((ops["MaxPool"] ?? 0) + (ops["NhwcMaxPool"] ?? 0)).toBe(1);
  });

  it("lets ONNX Runtime compute a whole ResNeXt in integers", async () => {
    const config = resnetConfig({ layers: [1, 2], cardinality: 4, baseWidth: 32, width: 8, numClasses: 10 });
    const graph = foldBatchNorm(resnetGraph(config, livelyStateDict(config, 1), ["logits"], 32));
    const given = { images: normal(4, 3, 32, 32) };
    const quantised = quantiseConvolutions(mergeGroups(graph, 32), await rangesOn(graph, given));
    const convolutions = graph.nodes.filter(({ op }) => op.type === "Conv").length;
    const ops = await optimisedOps(await collect(encodeModel(quantised).model));
    expect(ops).toMatchObject({ QLinearConv: convolutions, QLinearAdd: 2, QuantizeLinear: 1, Gemm: 1 });
    expect(ops["Conv"]).toBeUndefined();
    const [found, expected] = [await runGraph(quantised, given), await runGraph(graph, given)];
    expect(relativeError(found["logits"]!, expected["logits"]!)).toBeLessThan(0.05);
  });

  it("keeps filters within 7 bits when asked", async () => {
    const graph = block();
    const ranges = await rangesOn(graph, feeds);
    const largest = async (reduceRange: boolean): Promise<number> => {
      const weights = await constantsOf(quantiseConvolutions(graph, ranges, { reduceRange }), "int8");
      return Math.max(...weights.flatMap(({ data }) => Array.from(data as Int8Array, Math.abs)));
    };
    expect(await largest(false)).toBe(127);
    expect(await largest(true)).toBe(64);
  });

  it("keeps the bias of a filter that is all but zero", async () => {
    const weight = tensor("float32", [2, 8, 1, 1], new Float32Array(16).fill(0).fill(1e-12, 0, 8));
    const bias = tensor("float32", [2], Float32Array.of(3, -5));
    const graph = buildGraph({ y: relu(convolve("conv0", x, weight, bias)) });
    const quantised = quantiseConvolutions(graph, await rangesOn(graph, feeds));
    const { y } = await runGraph(quantised, feeds);
    expect(relativeError(y!, (await runGraph(graph, feeds))["y"]!)).toBeLessThan(1e-3);
  });

  it("takes activations that never differ from zero", async () => {
    const nothing = { x: tensor("float32", [1, 8, 12, 12], new Float32Array(8 * 144)) };
    const graph = buildGraph({ y: convolve("conv0", x, filters.w0, biases.b0) });
    const quantised = quantiseConvolutions(graph, await rangesOn(graph, nothing));
    const { y } = await runGraph(quantised, nothing);
    expect(relativeError(y!, (await runGraph(graph, nothing))["y"]!)).toBeLessThan(1e-3);
  });

  it("names the activation whose range is missing", () => {
    expect(() => quantiseConvolutions(block(), new Map())).toThrow(
      expect.objectContaining({
        code: "graph/no-range",
        message: expect.stringContaining("conv0/Conv/0") as string,
      }) as Error,
    );
  });
});
