import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elementCount, type StateDict, type Tensor } from "../../src/core/index.ts";
import {
  adaptWeights,
  countParameters,
  expectedShapes,
  listModels,
  modelCards,
  modelConfig,
  parametersOf,
  randomStateDict,
  resnetConfig,
  type ResNetConfig,
} from "../../src/nn/index.ts";
import { relativeError } from "../support/run-graph.ts";
import { hasTorch, runReference } from "../support/torch.ts";
import { readTensors } from "../support/torch-tensors.ts";

const configs: Readonly<Record<string, ResNetConfig>> = {
  resnet18: modelConfig("resnet18"),
  resnet34: resnetConfig({ block: "basic", layers: [3, 4, 6, 3] }),
  resnet50: modelConfig("resnet50"),
  resnext50_32x4d: modelConfig("ssl_resnext50_32x4d"),
  resnext101_32x8d: modelConfig("ssl_resnext101_32x8d"),
  resnext101_32x4d: modelConfig("ssl_resnext101_32x4d"),
  resnext101_32x16d: modelConfig("ssl_resnext101_32x16d"),
  wide_resnet50_2: resnetConfig({ baseWidth: 128 }),
  "resnext 8x14d, 10 classes": resnetConfig({
    layers: [1, 2, 1, 1],
    cardinality: 8,
    baseWidth: 14,
    numClasses: 10,
  }),
};

describe.skipIf(!hasTorch)("names and shapes as torchvision's", () => {
  let folder: string;
  let shapes: Readonly<Record<string, readonly (readonly [string, readonly number[]])[]>>;
  let stems: Readonly<Record<string, Tensor>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "state-"));
    shapes = JSON.parse(runReference("state_dicts.py", join(folder, "stems"))) as typeof shapes;
    stems = readTensors(join(folder, "stems"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(Object.entries(configs))("%s", (name, config) => {
    const reference = shapes[name]!.filter(([key]) => !key.endsWith("num_batches_tracked"));
    expect([...expectedShapes(config)]).toEqual(reference);
  });

  it.each([1, 2, 3, 4, 7])("%i input channels start from RGB filters by timm's rule", async (inChannels) => {
    const config = resnetConfig({ inChannels });
    const rgb: StateDict = new Map([
      ["conv1.weight", { ...stems["3"]!, load: () => Promise.resolve(stems["3"]!) }],
    ]);
    const adapted = await adaptWeights(config, rgb).get("conv1.weight")!.load();
    expect(adapted.dims).toEqual([8, inChannels, 7, 7]);
    expect(relativeError(adapted, stems[`${inChannels}`]!)).toBeLessThan(1e-6);
  });
});

describe("parameters", () => {
  it.each(modelCards.map((card) => [card.name, card.parameters] as const))(
    "%s has %i, as its card says",
    (name, count) => {
      expect(countParameters(modelConfig(name))).toBe(count);
    },
  );

  it("are 320 and 626 tensors with the counters that torch keeps", () => {
    const tensors = (name: string): number => {
      const names = parametersOf(modelConfig(name)).map((spec) => spec.name);
      return names.length + names.filter((key) => key.endsWith("running_var")).length;
    };
    expect(tensors("ssl_resnext50_32x4d")).toBe(320);
    expect(tensors("ssl_resnext101_32x4d")).toBe(626);
  });

  it("lack the classifier when there are no classes", () => {
    const names = [...expectedShapes(resnetConfig({ numClasses: 0 })).keys()];
    expect(names.filter((name) => name.startsWith("fc"))).toEqual([]);
    expect(names).toHaveLength(expectedShapes(resnetConfig()).size - 2);
  });

  it("are the same whatever the stride", () => {
    expect(expectedShapes(resnetConfig({ outputStride: 8 }))).toEqual(expectedShapes(resnetConfig()));
  });
});

describe("adaptWeights", () => {
  const weights = randomStateDict(resnetConfig({ layers: [1] }), 1);

  it("drops a classifier for other classes and keeps a fitting one", () => {
    const other = adaptWeights(resnetConfig({ layers: [1], numClasses: 10 }), weights);
    expect([...weights.keys()].filter((name) => !other.has(name))).toEqual(["fc.weight", "fc.bias"]);
    const none = adaptWeights(resnetConfig({ layers: [1], numClasses: 0 }), weights);
    expect(none.has("fc.weight")).toBe(false);
    expect(adaptWeights(resnetConfig({ layers: [1] }), weights)).toEqual(weights);
  });

  it("leaves what it was given as it was", () => {
    const before = new Map(weights);
    adaptWeights(resnetConfig({ layers: [1], numClasses: 2, inChannels: 1 }), weights);
    expect(weights).toEqual(before);
  });
});

describe("randomStateDict", () => {
  const config = resnetConfig({ layers: [1, 1], cardinality: 8, baseWidth: 32, numClasses: 20 });
  const load = async (name: string, seed = 1, of = config): Promise<readonly number[]> =>
    Array.from((await randomStateDict(of, seed).get(name)!.load()).data, Number);
  const deviation = (values: readonly number[]): number => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };

  it.each([
    // Fan-out counts all output channels, groups or not.
    ["conv1.weight", 64 * 49],
    ["layer1.0.conv1.weight", 256],
    ["layer1.0.conv2.weight", 256 * 9],
    ["layer2.0.downsample.0.weight", 512],
  ])("%s is normal with variance 2 / fan-out %i", async (name, fanOut) => {
    const values = await load(name);
    expect(deviation(values) / Math.sqrt(2 / fanOut)).toBeCloseTo(1, 1);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length / deviation(values)).toBeCloseTo(
      0,
      1,
    );
    const within = values.filter((value) => Math.abs(value) < Math.sqrt(2 / fanOut)).length / values.length;
    expect(within).toBeGreaterThan(0.66);
    expect(within).toBeLessThan(0.71);
  });

  it.each(["fc.weight", "fc.bias"])("%s is uniform within 1 / sqrt(features)", async (name) => {
    const values = await load(name);
    const bound = 1 / Math.sqrt(512);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.8 * bound);
    if (name === "fc.weight") expect(deviation(values) / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
  });

  it("starts batch normalisations as the identity, the last of each block at zero", async () => {
    const all = async (name: string): Promise<ReadonlySet<number>> => new Set(await load(name));
    expect(await all("layer1.0.bn1.weight")).toEqual(new Set([1]));
    expect(await all("layer1.0.bn3.weight")).toEqual(new Set([0]));
    expect(await all("layer1.0.downsample.1.weight")).toEqual(new Set([1]));
    expect(await all("layer1.0.bn1.bias")).toEqual(new Set([0]));
    expect(await all("bn1.running_mean")).toEqual(new Set([0]));
    expect(await all("bn1.running_var")).toEqual(new Set([1]));
    const basic = resnetConfig({ block: "basic", layers: [1] });
    expect(new Set(await load("layer1.0.bn2.weight", 1, basic))).toEqual(new Set([0]));
  });

  it("is the same for a seed in whatever order it is read, and another for another seed", async () => {
    const [forward, backward] = [randomStateDict(config, 3), randomStateDict(config, 3)];
    const first = new Map<string, Tensor>();
    for (const [name, source] of forward) first.set(name, await source.load());
    for (const [name, source] of [...backward].toReversed()) {
      expect((await source.load()).data).toEqual(first.get(name)?.data);
    }
    expect(await load("conv1.weight", 4)).not.toEqual(await load("conv1.weight", 3));
    expect(await load("layer1.0.conv1.weight", 3)).not.toEqual(await load("layer1.0.conv3.weight", 3));
  });

  it("has the names and shapes that loading expects", () => {
    for (const name of listModels()) {
      const given = modelConfig(name);
      const shapes = new Map([...randomStateDict(given, 1)].map(([key, { dims }]) => [key, dims]));
      expect(shapes).toEqual(expectedShapes(given));
      expect([...shapes.values()].every((dims) => elementCount(dims) > 0)).toBe(true);
    }
  });
});
