import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModelError, tensor, type StateDict } from "../../src/core/index.ts";
import {
  countParameters,
  expectedShapes,
  family,
  findCard,
  embeddedModel,
  listModels,
  modelCards,
  modelConfig,
  resnetConfig,
  type ResNetConfig,
} from "../../src/nn/index.ts";

/** A state dict of the shapes alone. */
function shapesOnly(config: ResNetConfig): StateDict {
  return new Map(
    [...expectedShapes(config)].map(([name, dims]) => [
      name,
      { dtype: "float32", dims, load: () => Promise.reject(new Error("not read")) },
    ]),
  );
}

describe("resnetConfig", () => {
  it.each<[Partial<ResNetConfig>, string]>([
    [{ layers: [] }, "layers must be a list of one to four stages, got []."],
    [{ layers: [1, 1, 1, 1, 1] }, "layers must be a list of one to four stages, got [1,1,1,1,1]."],
    [{ layers: [3, 0] }, "layers must be an integer of at least 1, got 0."],
    [{ cardinality: 0 }, "cardinality must be an integer of at least 1, got 0."],
    [{ baseWidth: 2.5 }, "baseWidth must be an integer of at least 1, got 2.5."],
    [{ width: -64 }, "width must be an integer of at least 1, got -64."],
    [{ numClasses: -1 }, "numClasses must be an integer of at least 0, got -1."],
    [{ numClasses: Number.NaN }, "numClasses must be an integer of at least 0, got null."],
    [{ inChannels: 0 }, "inChannels must be an integer of at least 1, got 0."],
    [{ outputStride: 4 as 8 }, "outputStride must be 8, 16 or 32, got 4."],
    [
      { block: "basic", cardinality: 32, baseWidth: 4 },
      "A basic block has neither groups nor a base width (got cardinality 32, base width 4); " +
        'use block "bottleneck", or cardinality 1 and baseWidth 64.',
    ],
    [
      { width: 8, baseWidth: 4 },
      "The groups of the first stage would have no channels: width (8) times baseWidth (4) must be at least 64.",
    ],
  ])("refuses %j", (given, message) => {
    expect(() => resnetConfig(given)).toThrow(new ModelError("model/invalid-config", message));
  });

  it("completes what is given with ResNet-50", () => {
    expect(resnetConfig({ numClasses: 10 })).toMatchObject({
      block: "bottleneck",
      layers: [3, 4, 6, 3],
      numClasses: 10,
    });
  });
});

describe("modelConfig", () => {
  it.each(modelCards.map(({ name }) => name))(
    "knows %s by its card's name, timm's tag and its architecture",
    (name) => {
      const { timmTag } = findCard(name)!;
      expect(modelConfig(timmTag)).toEqual(modelConfig(name));
      expect(modelConfig(timmTag.split(".")[0]!)).toEqual(modelConfig(name));
    },
  );

  it.each([
    [embeddedModel, 289_626],
    ["resnet20_cifar10", 272_474],
    ["resnext17_cifar10", 289_626],
    ["resnext20_cifar10", 738_394],
  ])("knows %s, for images of 32x32", (name, parameters) => {
    const config = modelConfig(name);
    expect(config).toMatchObject({ stem: "cifar", numClasses: 10 });
    expect(countParameters(config)).toBe(parameters);
    expect(family.preprocessing(config)).toMatchObject({ inputSize: 32, cropPct: 1 });
  });

  it.each([
    ["ssl_resnext50_32x4", "ssl_resnext50_32x4d"],
    ["ssl_resnet5", "ssl_resnet50"],
    ["resnet5", "resnet50"],
    ["ResNeXt101-32x8d", "resnext101_32x8d"],
  ])("for %s suggests %s first, of three", (wrong, right) => {
    expect(() => modelConfig(wrong)).toThrow(
      new RegExp(
        String.raw`^There is no model "${wrong}"\. Did you mean ${right}, \w+ or \w+\? ` +
          String.raw`listModels\(\) / ssl-resnext models lists those with trained weights\.$`,
      ),
    );
  });

  it.each(["constructor", "toString", "__proto__", ""])("does not know %j", (name) => {
    expect(() => modelConfig(name)).toThrow(ModelError);
  });
});

describe("family.detect", () => {
  it.each(listModels())("recognises %s", (name) => {
    expect(family.detect(shapesOnly(modelConfig(name)))).toEqual(modelConfig(name));
  });

  const config = fc.record({
    layers: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    block: fc.constantFrom("basic" as const, "bottleneck" as const),
    cardinality: fc.constantFrom(1, 2, 8, 32),
    baseWidth: fc.integer({ min: 4, max: 80 }),
    width: fc.constantFrom(16, 24, 64, 80),
    stem: fc.constantFrom("imagenet" as const, "cifar" as const),
    numClasses: fc.constantFrom(0, 1, 10, 1000),
    inChannels: fc.constantFrom(1, 3, 4),
  });

  it("gives a configuration of the same tensors, for any configuration", () => {
    fc.assert(
      fc.property(config, (given) => {
        const grouped = given.block === "bottleneck" ? {} : { cardinality: 1, baseWidth: 64 };
        const original = resnetConfig({ ...given, ...grouped });
        const detected = family.detect(shapesOnly(original));
        expect(expectedShapes(detected)).toEqual(expectedShapes(original));
        // With planes of whole 64s the base width can be told exactly.
        if (original.width % 64 === 0) expect(detected).toEqual(original);
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  it.each<[string, StateDict]>([
    ["no tensors", new Map()],
    ["another network", new Map([["features.0.weight", tensor("float32", [1], new Float32Array(1))]])],
    ["a stem alone", new Map([["conv1.weight", tensor("float32", [1, 1, 1, 1], new Float32Array(1))]])],
  ])("refuses %s by name", (_name, weights) => {
    expect(() => family.detect(weights)).toThrow(ModelError);
    expect(() => family.detect(weights)).toThrow(
      `in torchvision's names, got ${[...weights.keys()].join(", ") || "no tensors"}.`,
    );
  });

  it("refuses shapes that no configuration has", () => {
    const weights = new Map(shapesOnly(modelConfig("ssl_resnext50_32x4d")));
    const odd = { ...weights.get("layer1.0.conv2.weight")!, dims: [128, 5, 3, 3] };
    expect(() => family.detect(weights.set("layer1.0.conv2.weight", odd))).toThrow(
      "cardinality must be an integer of at least 1, got 25.6.",
    );
  });
});
