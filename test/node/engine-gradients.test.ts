import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seededRandom, tensor, type StateDict, type Tensor } from "../../src/core/index.ts";
import { modelBytes, type Graph } from "../../src/graph/index.ts";
import type { Tap } from "../../src/nn/index.ts";
import { rememberSpeeds } from "../../src/node/engines/engine-speeds.ts";
import { createSession } from "../../src/node/engines/onnxruntime/ort-session.ts";
import { createModel, openImages } from "../../src/node/library.ts";
import type { CreateModelOptions } from "../../src/predict/create-model.ts";
import type { Engine } from "../../src/runtime/index.ts";
import { nextOf, trainingProgram } from "../../src/train/index.ts";
import { difference, differences, writePhotos, type Outputs } from "../support/model-outputs.ts";
import { noOpenVino } from "../support/openvino.ts";
import { runCli } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const photos = join(folder, "photos");
const model = "ssl_resnext17_cifar10";
const architecture = "bottleneck 1-2-2 4x32";
const openVino = { engine: "openvino" } as const;

beforeAll(async () => {
  process.env["SSL_RESNEXT_CACHE"] = join(folder, "cache");
  await writePhotos(photos);
});

/** What explains the predicted class of every photo by a layer: its map, 0 to 1, and the best class. */
async function explanationsOf(from: string, layer: Tap, options: CreateModelOptions = {}): Promise<Outputs> {
  const opened = await createModel(from, options);
  try {
    const found: Record<string, Float32Array>[] = [];
    for await (const result of opened.explainAll(await openImages([photos]), { layer })) {
      if ("error" in result) throw result.error;
      found.push({ map: result.map.data, index: Float32Array.of(1 + result.explained.index) });
    }
    return found;
  } finally {
    await opened.release();
  }
}

/**
 * Maps are equal but for rounding. In an image of a hundred an activation is zero here and a rounding error above it there, and its
 * gradient passes or not: ONNX Runtime's own blocked and portable kernels differ as much.
 */
const mapsAgree = (found: Outputs, expected: Outputs): boolean => {
  const apart = differences(found, expected).toSorted((a, b) => b - a);
  return apart[2]! < 1e-5 && apart[0]! < 0.05;
};

const loadAll = async (weights: StateDict): Promise<ReadonlyMap<string, Tensor>> =>
  new Map(await Promise.all([...weights].map(async ([name, each]) => [name, await each.load()] as const)));

describe("gradients on OpenVINO", () => {
  beforeEach(({ skip }) => skip(noOpenVino !== undefined, noOpenVino));

  it.each(["stem", "layer1", "layer2", "layer3"] as const)(
    "explains by %s as ONNX Runtime does",
    async (layer) => {
      const found = await explanationsOf(model, layer, openVino);
      expect(mapsAgree(found, await explanationsOf(model, layer))).toBe(true);
    },
  );

  it("explains by a layer before MaxPool as ONNX Runtime does", async () => {
    const [network, options] = ["resnet18", { weights: "random", preprocessing: { inputSize: 64 } }] as const;
    const found = await explanationsOf(network, "stem", { ...options, ...openVino });
    expect(mapsAgree(found, await explanationsOf(network, "stem", options))).toBe(true);
  });

  it("explains on the engine that was the faster at it", async () => {
    const args = [
      "classify",
      join(photos, "0.png"),
      "--explain",
      join(folder, "heat"),
      "--engine",
      "auto",
      "--verbose",
    ];
    const subject = { network: `${architecture} explained by layer3, 32x32, fp32`, batch: "one" } as const;
    await rememberSpeeds(subject, { onnxruntime: 2, openvino: 1 });
    expect((await runCli(args)).stderr).toContain("openvino, 1 worker");
    await rememberSpeeds(subject, { onnxruntime: 1, openvino: 2 });
    expect((await runCli(args)).stderr).toContain("onnxruntime, 1 worker");
    const opened = await createModel(model, { engine: "auto" });
    const { engine } = await opened.opened({ explains: "layer2" }, 1);
    await opened.release();
    const measured = readFileSync(join(folder, "cache/engine-speeds.json"), "utf8");
    expect(measured).toContain(`${architecture} explained by layer2, 32x32, fp32, one image at once`);
    expect(["onnxruntime", "openvino"]).toContain(engine);
  });

  it("explains in bf16 where that is asked for, or refuses", async () => {
    const found = explanationsOf(model, "layer3", { ...openVino, precision: "bf16" });
    const error = await found.then((outputs) => outputs.length).catch((cause: unknown) => cause);
    if (error !== 22) return expect(error).toMatchObject({ code: "runtime/precision-unavailable" });
    const apart = difference(await found, await explanationsOf(model, "layer3"));
    expect(apart).toBeGreaterThan(1e-4);
    expect(apart).toBeLessThan(0.1);
  });

  it("gives the gradients of a training step, which ONNX Runtime takes", async () => {
    const network = smallNetwork();
    const [batchSize, inputSize] = [4, 32];
    const program = trainingProgram(network.description.config, {
      batchSize,
      inputSize,
      flatGradients: true,
    });
    const { gradients } = program.graphs as { readonly gradients: Graph };
    const weights = await network.withWeights(loadAll);
    const targets = Float32Array.from({ length: 3 * batchSize }, (_, at) => Number(at % 4 === 0));
    const random = seededRandom(1);
    const images = Float32Array.from({ length: 3 * batchSize * inputSize ** 2 }, () => random.normal());
    const feeds: Readonly<Record<string, Tensor>> = {
      ...Object.fromEntries(program.state.map(({ name }) => [name, weights.get(name)!])),
      images: tensor("float32", [batchSize, 3, inputSize, inputSize], images),
      targets: tensor("float32", [batchSize, 3], targets),
    };
    const gradientsOn = async (engine: Engine): Promise<Outputs> => {
      const session = await createSession(await modelBytes(gradients), { engine });
      const given = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]));
      const { data } = (await session.run(given))[nextOf("gradients")]!;
      await session.release();
      return [{ gradients: data as Float32Array }];
    };
    expect(difference(await gradientsOn("openvino"), await gradientsOn("onnxruntime"))).toBeLessThan(1e-4);
  });
});
