import { describe, expect, it } from "vitest";
import { parseHubConfig, statedByArguments, statedByMetadata } from "../../src/nn/stated-model.ts";

const parse = (config: object, preprocessor?: object): ReturnType<typeof parseHubConfig> =>
  parseHubConfig(
    `\uFEFF${JSON.stringify(config)}`,
    "folder/config.json",
    preprocessor && JSON.stringify(preprocessor),
  );

const names = (stated: ReturnType<typeof parseHubConfig>): object =>
  Object.fromEntries(stated?.classNames ?? []);

describe("parseHubConfig", () => {
  const cfg = { tag: "a1_in1k", input_size: [3, 160, 160], crop_pct: 0.9, mean: [0.5], std: 0.25 };

  it("reads timm's configuration, at the size of its tests where there is one", () => {
    const stated = parse({ architecture: "resnet18", num_classes: 3, pretrained_cfg: cfg });
    const expected = {
      inputSize: 160,
      cropPct: 0.9,
      interpolation: "bicubic",
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    };
    expect(stated).toMatchObject({
      architecture: "resnet18.a1_in1k",
      numClasses: 3,
      preprocessing: expected,
    });
    const tested = parse({
      architecture: "resnet18",
      pretrained_cfg: { ...cfg, test_input_size: [3, 224, 224], test_crop_pct: 1, interpolation: "bilinear" },
    });
    expect(tested).toMatchObject({
      preprocessing: { inputSize: 224, cropPct: 1, interpolation: "bilinear" },
      inTraining: { inputSize: 160, cropPct: 0.9, interpolation: "bilinear" },
    });
  });

  it.each([
    ["a list", { label_names: ["a", "b"] }, { 0: "a", 1: "b" }],
    ["a dictionary with gaps", { label_names: { 0: "a", 2: "c" } }, { 0: "a", 2: "c" }],
    ["the older name", { labels: ["a", "b"] }, { 0: "a", 1: "b" }],
    ["transformers' dictionary", { id2label: { 1: "b", 0: "a" } }, { 0: "a", 1: "b" }],
    ["indices by name", { labels: { a: 0, b: 1 } }, { 0: "a", 1: "b" }],
    [
      "both, of which the root wins",
      { label_names: ["a"], pretrained_cfg: { label_names: ["b"] } },
      { 0: "a" },
    ],
    ["in the settings", { pretrained_cfg: { label_names: ["b"] } }, { 0: "b" }],
  ])("reads names of classes as %s", (_, config, expected) => {
    expect(names(parse({ architecture: "resnet18", ...config }))).toEqual(expected);
  });

  it("reads the flat form, in which everything stands at the root", () => {
    expect(parse({ ...cfg, architecture: "resnet50", labels: ["x"] })).toMatchObject({
      architecture: "resnet50.a1_in1k",
      preprocessing: { inputSize: 160, cropPct: 0.9 },
    });
  });

  it.each([
    [{ crop_mode: "squash" }, "crop_mode squash"],
    [{ input_size: [3, 224, 192] }, "images of 224x192 are not square"],
    [{ interpolation: "lanczos" }, "interpolation: expected one of bilinear, bicubic"],
    [{ mean: [0.1, 0.2] }, "mean: expected at least 3 values"],
    [{ std: [0, 0, 0] }, "std: must be above 0"],
    [{ label_names: [1, 2] }, "names of the classes should be"],
  ])("refuses %j", (settings, text) => {
    expect(() => parse({ architecture: "resnet18", pretrained_cfg: settings })).toThrow(text);
  });

  it("refuses what is no JSON, and passes over a file of something else", () => {
    expect(() => parseHubConfig("{", "folder/config.json")).toThrow(
      expect.objectContaining({ code: "model/config-json" }),
    );
    expect(parse({ port: 8080 })).toBeUndefined();
  });

  it("reads how transformers prepares images", () => {
    const config = { model_type: "resnet", id2label: { 0: "a" } };
    const convnext = {
      size: { shortest_edge: 224 },
      crop_pct: 0.875,
      resample: 3,
      image_mean: [0.5, 0.4, 0.3],
      image_std: [1, 1, 1],
    };
    expect(parse(config, convnext)?.preprocessing).toMatchObject({
      inputSize: 224,
      cropPct: 0.875,
      interpolation: "bicubic",
    });
    const clip = {
      size: { shortest_edge: 256 },
      crop_size: { height: 224 },
      do_rescale: false,
      image_mean: [127.5],
      image_std: [255],
    };
    expect(parse(config, clip)?.preprocessing).toEqual({
      inputSize: 224,
      cropPct: 0.875,
      interpolation: "bilinear",
      mean: [0.5, 0.5, 0.5],
      std: [1, 1, 1],
    });
    expect(() => parse(config, { size: { height: 224, width: 224 } })).toThrow(
      "does not resize the short side",
    );
    expect(parse(config)?.preprocessing).toBeUndefined();
  });

  it("notes what leaves no trace in the weights", () => {
    const stated = parse({
      architecture: "resnet18",
      model_args: { output_stride: 8, global_pool: "max", act_layer: "silu", num_classes: 3 },
    });
    expect(stated).toMatchObject({ outputStride: 8, changes: ["global_pool max", 'act_layer "silu"'] });
  });
});

describe("statedByArguments", () => {
  it("takes timm's own values of an architecture where a run of its train.py gave none", () => {
    const args = { model: "resnet50", img_size: null, crop_pct: null, interpolation: "" };
    expect(
      statedByArguments({ metadata: { arch: "resnet50" }, arguments: args }, "a.pth")?.preprocessing,
    ).toMatchObject({
      inputSize: 224,
      cropPct: 0.95,
      interpolation: "bicubic",
    });
  });

  it("says nothing of images where the program is not known, and nothing at all without an architecture", () => {
    expect(statedByArguments({ metadata: { arch: "resnet50" } }, "a.pth")).toMatchObject({
      preprocessing: undefined,
    });
    expect(statedByArguments({ metadata: { epoch: "3" } }, "a.pth")).toBeUndefined();
  });
});

describe("statedByMetadata", () => {
  it.each([
    [{ names: "{0: 'a', 1: \"it's\"}" }, { 0: "a", 1: "it's" }],
    [{ labels: '["a","b"]' }, { 0: "a", 1: "b" }],
    [{ classes: '{"0":"a"}' }, { 0: "a" }],
  ])("reads names from %j", (metadata, expected) => {
    expect(Object.fromEntries(statedByMetadata(metadata, "a.onnx")!.classNames!)).toEqual(expected);
  });

  it("says nothing of a model without any", () => {
    expect(statedByMetadata({ author: "somebody", names: "see the paper" }, "a.onnx")).toBeUndefined();
  });
});
