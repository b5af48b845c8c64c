import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { tensor, type StateDict, type Tensor, type TensorSource } from "../../src/core/index.ts";
import { checkGraph } from "../../src/graph/index.ts";
import { explanationGraph, family, resnetConfig } from "../../src/nn/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { relativeError, runGraph } from "../support/run-graph.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { livelyStateDict } from "../support/tiny-resnet.ts";
import { readTensors } from "../support/torch-tensors.ts";
import { hasTorch, runReference } from "../support/torch.ts";

const batchSize = 2;
/** Few activations: one that is zero but for rounding may pass a ReLU here and not there, and change the gradient. */
const inputSize = 64;
const config = resnetConfig({ layers: [1, 1, 1, 1], cardinality: 4, baseWidth: 8, numClasses: 5 });

/** Ones at the class of every image, or nothing where the predicted one is asked for. */
function selection(asked: number | "predicted"): Tensor {
  const rows = Array.from({ length: batchSize }, () =>
    Array.from({ length: config.numClasses }, (_, index) => (index === asked ? 1 : 0)),
  );
  return tensor("float32", [batchSize, config.numClasses], Float32Array.from(rows.flat()));
}

describe.skipIf(!hasTorch)("explanationGraph against PyTorch's autograd (skipped without PyTorch)", () => {
  const folder = temporaryFolder();
  let reference: Readonly<Record<string, Tensor>>;
  let weights: StateDict;
  let blockSize: number | undefined;

  beforeAll(async () => {
    const path = join(folder, "grad-cam");
    const { layers, cardinality: groups, baseWidth: width_per_group, numClasses: classes } = config;
    const job = { seed: 3, layers, groups, width_per_group, classes, batch: batchSize, size: inputSize };
    writeFileSync(`${path}.json`, JSON.stringify(job));
    runReference("grad_cam.py", path);
    reference = readTensors(path);
    weights = new Map(
      Object.entries(reference)
        .filter(([name]) => name.startsWith("state/"))
        .map(([name, { dtype, dims, data }]): [string, TensorSource] => [
          name.slice("state/".length),
          tensor(dtype, dims, data),
        ]),
    );
    blockSize = await cpuBlockSize();
  });

  it("has images of several predicted classes, so that a wrong choice cannot pass", () => {
    const { data } = reference["logits"]!;
    const rows = Array.from({ length: batchSize }, (_, row) =>
      Array.from(data, Number).slice(row * config.numClasses, (row + 1) * config.numClasses),
    );
    const predicted = rows.map((row) => row.indexOf(Math.max(...row)));
    expect(new Set(predicted).size).toBeGreaterThan(1);
  });

  it.each(family.taps.flatMap((layer) => (["predicted", 0, 1] as const).map((asked) => ({ layer, asked }))))(
    "$layer, class $asked: portable and blocked",
    async ({ layer, asked }) => {
      const feeds = { images: reference["images"]!, selection: selection(asked) };
      for (const size of new Set([undefined, blockSize])) {
        const graph = explanationGraph(config, weights, { layer, batchSize, inputSize, blockSize: size });
        checkGraph(graph);
        const { logits, map } = await runGraph(graph, feeds);
        const expected = reference[`map/${layer}/${asked}`]!;
        expect(map!.dims).toEqual(expected.dims);
        expect(relativeError(logits!, reference["logits"]!)).toBeLessThan(1e-5);
        expect(relativeError(map!, expected)).toBeLessThan(1e-4);
      }
    },
  );
});

describe("explanationGraph", () => {
  const options = { layer: "layer4", batchSize: 1 } as const;

  it("has no backward convolution at the last layer", () => {
    const convolutions = (layer: "layer3" | "layer4"): number =>
      explanationGraph(config, livelyStateDict(config, 1), { ...options, layer }).nodes.filter(
        ({ op }) => op.type === "Conv",
      ).length;
    const forward = 1 + config.layers.reduce((sum, blocks) => sum + 3 * blocks + 1, 0);
    expect(convolutions("layer4")).toBe(forward);
    expect(convolutions("layer3")).toBeGreaterThan(forward);
  });

  it("needs a classifier, and a layer that is there", () => {
    const headless = resnetConfig({ ...config, numClasses: 0 });
    expect(() => explanationGraph(headless, new Map(), options)).toThrow(/has no classifier/);
    const short = resnetConfig({ ...config, layers: [1, 1] });
    expect(() => explanationGraph(short, livelyStateDict(short, 1), options)).toThrow(
      'This model has no output "layer4"',
    );
  });
});
