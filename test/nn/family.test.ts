import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import {
  decodeDescription,
  encodeDescription,
  expectedShapes,
  family,
  listModels,
  modelConfig,
  parametersOf,
  type ModelDescription,
} from "../../src/nn/index.ts";

const src = new URL("../../src/", import.meta.url).pathname;

describe("a family", () => {
  it("alone knows names of parameters, of the network and of its configuration", () => {
    const own = /"fc\.|"conv1|\bresnet\(|\bresnetConfig\(|\bResNetConfig\b/;
    // Users go on naming the configuration as they did.
    const exported = ["index.ts", "web/browser.ts", "nn/index.ts"];
    const files = readdirSync(src, { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll("\\", "/"))
      .filter((file) => file.endsWith(".ts") && !exported.includes(file) && !file.startsWith("nn/families/"));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => own.test(readFileSync(join(src, file), "utf8")))).toEqual([]);
  });

  it.each([...listModels(), ...Object.keys(family.architectures)])("names parameters that %s has", (name) => {
    const config = modelConfig(name);
    const shapes = expectedShapes(config);
    const { weight, bias } = family.classifier;
    expect(shapes.get(family.stem(config))?.[1]).toBe(config.inChannels);
    expect(shapes.get(weight)).toEqual([config.numClasses, family.embeddingLength(config)]);
    expect(shapes.get(bias)).toEqual([config.numClasses]);
    for (const stage of family.stages(config)) {
      expect(family.taps).toContain(stage.name);
      const blocks = parametersOf(config)
        .filter((parameter) => parameter.name.startsWith(`${stage.name}.`))
        .map((parameter) => parameter.name.split(".")[1]);
      expect(new Set(blocks).size).toBe(stage.blocks);
    }
  });
});

describe("a description in a checkpoint", () => {
  const described: ModelDescription = {
    name: "mine",
    config: modelConfig("resnet20_cifar10"),
    classes: [],
    preprocessing: imagenetPreprocessing,
    provenance: {},
  };
  const withConfig = (config: object): Readonly<Record<string, string>> => ({
    "ssl-resnext": JSON.stringify({ ...described, config: { ...described.config, ...config } }),
  });

  it("is read as it was written", () => {
    expect(decodeDescription(encodeDescription(described), "mine.safetensors")).toEqual(described);
  });

  it("is read from an earlier version, whose configurations had drop rates", () => {
    const earlier = withConfig({ dropRate: 0, dropPathRate: 0.1 });
    expect(decodeDescription(earlier, "mine.safetensors")).toEqual(described);
  });

  it.each<[object, RegExp]>([
    [{ colour: "red" }, /mine\.safetensors: .*\n {2}config: does not know colour/s],
    [{ dropRate: "much" }, /config\.dropRate: expected a number, got "much"/],
    [{ width: 0 }, /width must be an integer of at least 1, got 0/],
  ])("is refused with %j", (config, message) => {
    expect(() => decodeDescription(withConfig(config), "mine.safetensors")).toThrow(message);
    expect(() => decodeDescription(withConfig(config), "mine.safetensors")).toThrow(
      expect.objectContaining({ code: "model/invalid-description" }),
    );
  });
});
