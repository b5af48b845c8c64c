import { describe, expect, it } from "vitest";
import { tensor, type StateDict, type TensorSource } from "../../src/core/index.ts";
import { expectedShapes, family, networkWeights, randomStateDict, resnetConfig } from "../../src/nn/index.ts";

const config = resnetConfig({
  block: "basic",
  layers: [1, 1],
  cardinality: 1,
  baseWidth: 64,
  stem: "cifar",
  width: 8,
  inChannels: 3,
  numClasses: 4,
});
const plain = randomStateDict(config, 1);
const names = [...plain.keys()];

/** The same tensors by other names; undefined leaves one out. */
const renamed = (weights: StateDict, name: (old: string) => string | undefined): StateDict =>
  new Map(
    [...weights].flatMap(([old, source]): [string, TensorSource][] => {
      const now = name(old);
      return now === undefined ? [] : [[now, source]];
    }),
  );
const prefixed = (prefix: string): StateDict => renamed(plain, (name) => prefix + name);

describe("the network among the tensors of a file", () => {
  it("is the file as it is, where nothing wraps it", () => {
    const found = networkWeights({ tensors: plain }, "plain.pth");
    expect(found).toMatchObject({ prefix: "", classifier: undefined, left: [] });
    expect([...found.tensors]).toEqual([...plain]);
  });

  it.each(["module.", "_orig_mod.", "model.", "backbone.", "encoder.", "timm_model.", "_orig_mod.module."])(
    "is found behind %s",
    (prefix) => {
      const found = networkWeights({ tensors: prefixed(prefix) }, "wrapped.pth");
      expect(found.prefix).toBe(prefix);
      expect([...found.tensors]).toEqual([...plain]);
      expect(family.detect(found.tensors)).toEqual(config);
    },
  );

  it("is MoCo's query encoder, with what is beside it left out", () => {
    const queue = tensor("float32", [2], Float32Array.of(1, 2));
    const both = new Map([
      ...prefixed("module.encoder_k."),
      ...prefixed("module.encoder_q."),
      ["module.queue", queue] as const,
    ]);
    const { prefix, tensors, left } = networkWeights({ tensors: both }, "moco.pth");
    expect(prefix).toBe("module.encoder_q.");
    expect([...tensors.keys()]).toEqual(names);
    expect(left).toHaveLength(names.length + 1);
  });

  it("is the one that is named, where there are several; refused without a name", () => {
    const both = new Map([...prefixed("student."), ...prefixed("teacher.")]);
    expect(networkWeights({ tensors: both }, "both.pth", "teacher").prefix).toBe("teacher.");
    expect(() => networkWeights({ tensors: both }, "both.pth")).toThrow(
      expect.objectContaining({
        code: "weights/several-networks",
        message: expect.stringContaining("student, teacher") as string,
      }),
    );
    expect(() => networkWeights({ tensors: both }, "both.pth", "ema")).toThrow(
      expect.objectContaining({ code: "weights/no-key" }),
    );
  });

  it("keeps the classifier that a wrapper has beside it", () => {
    const outside = renamed(plain, (name) => (name.startsWith("fc.") ? name : `backbone.${name}`));
    const { tensors, left } = networkWeights({ tensors: outside }, "beside.pth");
    expect(new Set(tensors.keys())).toEqual(new Set(names));
    for (const name of ["fc.weight", "fc.bias"]) expect(tensors.get(name)).toBe(plain.get(name));
    expect(left).toEqual([]);
  });
});

describe("a classifier", () => {
  it("of dropout and a linear layer is that layer", () => {
    const sequence = renamed(plain, (name) => name.replace(/^fc\./, "fc.1."));
    const { tensors, classifier, left } = networkWeights({ tensors: sequence }, "dropout.pth");
    expect({ classifier, left }).toEqual({ classifier: "fc.1", left: [] });
    expect(new Set(tensors.keys())).toEqual(new Set(names));
    expect(tensors.get("fc.weight")).toBe(plain.get("fc.weight"));
  });

  it.each([
    ["head.", "", "head"],
    ["classifier.", "", "classifier"],
    ["last_linear.", "", "last_linear"],
    ["model.classifier.1.", "model.", "classifier.1"],
    ["head.fc.", "backbone.", "head.fc"],
    ["model.head.", "model.backbone.", "model.head"],
    ["1.", "0.", "1"],
  ])("may be called %s, with the network behind '%s'", (head, prefix, classifier) => {
    const other = renamed(plain, (name) =>
      name.startsWith("fc.") ? name.replace("fc.", head) : prefix + name,
    );
    const found = networkWeights({ tensors: other }, "other.pth");
    expect(found).toMatchObject({ prefix, classifier, left: [] });
    expect(found.tensors.get("fc.weight")).toBe(plain.get("fc.weight"));
    expect(found.tensors.get("fc.bias")).toBe(plain.get("fc.bias"));
    expect(new Set(found.tensors.keys())).toEqual(new Set(names));
  });

  it("is not what stands beside a classifier", () => {
    const two = new Map([...plain, ["head.weight", plain.get("fc.weight")!] as const]);
    expect(networkWeights({ tensors: two }, "two.pth").tensors.has("head.weight")).toBe(true);
  });

  it("without a bias has zeros", async () => {
    const { tensors } = networkWeights(
      { tensors: renamed(plain, (name) => (name === "fc.bias" ? undefined : name)) },
      "no-bias.pth",
    );
    expect((await tensors.get("fc.bias")!.load()).data).toEqual(new Float32Array(4));
    expect(new Set(tensors.keys())).toEqual(new Set(expectedShapes(config).keys()));
  });

  it("of several layers is left out, and named", () => {
    const head = renamed(plain, (name) => name.replace(/^fc\./, "fc.0."));
    const layers = new Map([...head, ["fc.2.weight", plain.get("fc.weight")!] as const]);
    const { tensors, left } = networkWeights({ tensors: layers }, "mlp.pth");
    expect(left).toEqual(["fc.0.weight", "fc.0.bias", "fc.2.weight"]);
    expect(family.detect(tensors).numClasses).toBe(0);
  });
});
