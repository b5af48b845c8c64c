import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ModelError } from "../../src/core/index.ts";
import {
  expectedShapes,
  family,
  inferenceGraph,
  modelConfig,
  randomStateDict,
  resnetConfig,
  type Output,
} from "../../src/nn/index.ts";
import { openFileSource } from "../../src/node/files/file-storage.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { fitStateDict, openCheckpoint } from "../../src/weights/index.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { relativeError, runGraph } from "../support/run-graph.ts";
import { torchResNets, type ReferenceJob, type TorchResNet } from "../support/torch-resnet.ts";
import { hasTorch } from "../support/torch.ts";

const outputs: readonly Output[] = [...family.taps, "embedding", "logits"];
const few = { seed: 9, images: 4, probe: 2, weights: "as of today" } as const;
const small = { layers: [2, 1, 2, 2], cardinality: 8, baseWidth: 8 } as const;

/** Configurations beside the four of the card, at sizes that run fast. */
const jobs: Readonly<Record<string, ReferenceJob>> = {
  "basic blocks": { ...few, config: modelConfig("resnet18"), size: 96 },
  "bottlenecks without groups": { ...few, config: resnetConfig({ layers: [1, 1, 1, 1] }), size: 96 },
  "images of odd size": { ...few, config: resnetConfig(small), size: 75 },
  "output stride 16": {
    ...few,
    config: resnetConfig({ ...small, outputStride: 16 }),
    dilate: [false, false, true],
    size: 128,
  },
  "output stride 8": {
    ...few,
    config: resnetConfig({ ...small, outputStride: 8 }),
    dilate: [false, true, true],
    size: 128,
  },
  "CIFAR stem": { ...few, config: resnetConfig({ ...small, stem: "cifar" }), size: 32 },
};

describe.skipIf(!hasTorch)("variants against PyTorch float32", () => {
  let folder: string;
  let references: Readonly<Record<string, TorchResNet>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "variants-"));
    references = torchResNets(folder, jobs);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(Object.entries(jobs))("%s", async (name, { config }) => {
    const reference = references[name]!;
    const file = await openFileSource(`${reference.path}-zip.pth`);
    try {
      const { tensors } = await openCheckpoint(file);
      const weights = fitStateDict(expectedShapes(config), tensors);
      const inputSize = reference.images.dims[2]!;
      for (const blockSize of [await cpuBlockSize(), undefined]) {
        const graph = inferenceGraph(config, weights, { outputs, inputSize, blockSize });
        const found = await runGraph(graph, { images: reference.images });
        for (const output of outputs) {
          expect(found[output]?.dims).toEqual(reference.outputs[output].dims);
          expect(relativeError(found[output]!, reference.outputs[output])).toBeLessThan(1e-4);
        }
      }
    } finally {
      await file.close();
    }
  });
});

describe("outputs", () => {
  const shapesOf = (graph: ReturnType<typeof inferenceGraph>): Record<string, readonly unknown[]> =>
    Object.fromEntries([...graph.outputs].map(([name, { shape }]) => [name, shape]));

  it.each<[8 | 16 | 32, readonly number[]]>([
    [32, [112, 56, 28, 14, 7]],
    [16, [112, 56, 28, 14, 14]],
    [8, [112, 56, 28, 28, 28]],
  ])("are five taps, at output stride %i of lengths %j", (outputStride, lengths) => {
    const config = { ...modelConfig("ssl_resnext50_32x4d"), outputStride };
    const shapes = shapesOf(inferenceGraph(config, randomStateDict(config, 1), { outputs }));
    const channels = [64, 256, 512, 1024, 2048];
    for (const [index, tap] of family.taps.entries()) {
      expect(shapes[tap]).toEqual(["N", channels[index], lengths[index], lengths[index]]);
    }
    expect(shapes["embedding"]).toEqual(["N", 2048]);
    expect(shapes["logits"]).toEqual(["N", 1000]);
  });

  it("are maps of an eighth with the CIFAR stem", () => {
    const config = resnetConfig({ ...small, stem: "cifar" });
    const shapes = shapesOf(inferenceGraph(config, randomStateDict(config, 1), { outputs, inputSize: 32 }));
    expect(family.taps.map((tap) => shapes[tap]?.[2])).toEqual([32, 32, 16, 8, 4]);
  });

  it.each([
    { layers: [1, 1, 1, 1], block: "basic" },
    { layers: [1, 1], block: "bottleneck" },
    { layers: [1, 1, 1], block: "bottleneck", width: 16 },
  ] as const)("have an embedding of the length that %j says", (given) => {
    const config = resnetConfig(given);
    const graph = inferenceGraph(config, randomStateDict(config, 1), { outputs: ["embedding"] });
    expect(shapesOf(graph)["embedding"]).toEqual(["N", family.embeddingLength(config)]);
  });

  it("end with the embedding when there are no classes", async () => {
    const config = resnetConfig({ ...small, numClasses: 0 });
    const weights = randomStateDict(config, 1);
    const graph = inferenceGraph(config, weights, { outputs: ["embedding"], inputSize: 64 });
    const images = randomTensors(1).normal(3, 3, 64, 64);
    const { embedding } = await runGraph(graph, { images });
    expect(embedding?.dims).toEqual([3, 2048]);
    expect(() => inferenceGraph(config, weights)).toThrow(
      expect.objectContaining({ code: "model/no-classifier" }),
    );
    expect(() => inferenceGraph(config, weights, { outputs: ["mirror" as "logits"] })).toThrow(
      new ModelError(
        "model/unknown-output",
        'This model has no output "mirror"; it has stem, layer1, layer2, layer3, layer4, embedding, frequencies.',
      ),
    );
  });

  it("leave out of the graph what they do not need", () => {
    const config = resnetConfig(small);
    const graph = inferenceGraph(config, randomStateDict(config, 1), { outputs: ["layer1"], inputSize: 64 });
    const names = graph.constants.map(({ source }) => (source.kind === "constant" ? source.name : undefined));
    expect(names.filter((name) => /^(layer[234]|fc)/.test(name ?? ""))).toEqual([]);
  });

  it("do not depend on the batch an image is in", async () => {
    const config = resnetConfig(small);
    const graph = inferenceGraph(config, randomStateDict(config, 1), {
      inputSize: 64,
      blockSize: await cpuBlockSize(),
    });
    const images = randomTensors(2).normal(3, 3, 64, 64);
    const alone = { ...images, dims: [1, 3, 64, 64], data: images.data.slice(3 * 64 * 64, 2 * 3 * 64 * 64) };
    const [whole, single] = [await runGraph(graph, { images }), await runGraph(graph, { images: alone })];
    const row = {
      dtype: "float32",
      dims: [1, 1000],
      data: whole["logits"]!.data.slice(1000, 2000),
    } as typeof alone;
    expect(relativeError(single["logits"]!, row)).toBeLessThan(1e-5);
  });

  it("need weights that fit", () => {
    const config = resnetConfig(small);
    const weights = new Map(randomStateDict(config, 1));
    weights.delete("layer3.1.bn2.bias");
    expect(() => inferenceGraph(config, weights)).toThrow(
      "layer3.1.bn2.bias: expected float32 [256], got nothing; fit the state dict to the model first.",
    );
    const wide = resnetConfig({ ...small, baseWidth: 16 });
    expect(() => inferenceGraph(wide, randomStateDict(config, 1))).toThrow(
      "layer1.0.conv1.weight: expected float32 [128, 64, 1, 1], got float32 [64, 64, 1, 1]; " +
        "fit the state dict to the model first.",
    );
  });
});
