import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import type { ImageItem } from "../../src/data/index.ts";
import { calibrateModel, createModel, exportOnnx, openImages, openModel } from "../../src/node/library.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import type { CreateModelOptions } from "../../src/predict/create-model.ts";
import { hasExactSums, largestSumError } from "../../src/predict/int8/exact-sums.ts";
import { colourCheckpoint, colours } from "../support/colour-model.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { optimisedOps } from "../support/optimised-ops.ts";
import { runModel } from "../support/run-graph.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What Linux says of an x86 processor. */
const cpuFlags =
  process.arch === "x64" && existsSync("/proc/cpuinfo")
    ? /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]
    : undefined;
/** An emulator, and an x86 processor without VNNI. */
const haswell = ["qemu-x86_64", "-cpu", "Haswell"];
const noEmulator =
  process.arch === "x64" && spawnSync(haswell[0]!, ["--version"]).status === 0
    ? undefined
    : "needs qemu-x86_64 (Debian: qemu-user)";

const folder = temporaryFolder();
const photos = join(folder, "photos");
const paths: string[] = [];
let weights = "";

/** Noise about each of the colours. */
beforeAll(async () => {
  weights = await colourCheckpoint(folder);
  mkdirSync(photos);
  const random = seededRandom(7);
  for (let index = 0; index < 60; index++) {
    const colour = Object.values(colours)[index % 3]!;
    const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) =>
      Math.min(Math.max(colour[i % 3]! + 70 * (random.uniform() - 0.5), 0), 255),
    );
    const path = join(photos, `${`${index}`.padStart(2, "0")}.png`);
    await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } }).toFile(path);
    paths.push(path);
  }
});

/** Logits of every photo, in order. */
async function logitsOf(model: string, options: CreateModelOptions = {}): Promise<readonly number[][]> {
  const opened = await createModel(model, options);
  try {
    const logits: number[][] = [];
    for await (const result of opened.run(["logits"], await openImages([photos]))) {
      if ("error" in result) throw result.error;
      logits.push([...result.outputs["logits"]!.data]);
    }
    return logits;
  } finally {
    await opened.release();
  }
}

const best = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));
const byDefault = { precision: "int8", calibration: photos } as const satisfies CreateModelOptions;
const int8 = { ...byDefault, reduceRange: false } as const satisfies CreateModelOptions;

describe("a model in int8", () => {
  it("chooses the classes of float32, with nearly its logits", async () => {
    const [expected, found] = [await logitsOf(weights), await logitsOf(weights, int8)];
    expect(found.map(best)).toEqual(expected.map(best));
    const largest = Math.max(...expected.flat().map(Math.abs));
    const error = Math.max(
      ...expected.flatMap((row, image) => row.map((value, i) => Math.abs(value - found[image]![i]!))),
    );
    expect(error / largest).toBeGreaterThan(0);
    expect(error / largest).toBeLessThan(0.05);
  });

  it("says what it is", async () => {
    const model = await createModel(weights, int8);
    expect(model.description.provenance).toMatchObject({
      recipe: "nearest colour",
      precision: "int8, filters of 8 bits, ranges over 60 images",
    });
  });

  it("embeds, and gives every feature map, with one calibration", async () => {
    const model = await createModel(weights, int8);
    const plain = await createModel(weights);
    try {
      for (const taps of [["stem"], ["stem", "layer1", "layer2"]] as const) {
        const [found, expected] = [
          await model.features(paths[0]!, taps),
          await plain.features(paths[0]!, taps),
        ];
        for (const tap of taps) {
          const [a, b] = [found[tap]!, expected[tap]!];
          expect(a.dims).toEqual(b.dims);
          const difference = Math.max(...Array.from(a.data, (value, i) => Math.abs(value - b.data[i]!)));
          expect(difference / Math.max(...b.data)).toBeLessThan(0.1);
        }
      }
      expect(await model.embed(paths[0]!)).toHaveLength(64);
    } finally {
      await Promise.all([model.release(), plain.release()]);
    }
  });

  it.each<[string, CreateModelOptions, string]>([
    ["no calibration", { precision: "int8" }, "usage/no-calibration"],
    [
      "a folder that is missing",
      { precision: "int8", calibration: join(folder, "absent") },
      "data/not-found",
    ],
    ["a device without integer kernels", { ...int8, device: "webgpu" }, "runtime/device-unavailable"],
  ])("needs more than %s", async (_name, options, code) => {
    await expect(createModel(weights, options)).rejects.toMatchObject({ code });
  });
});

describe("an int8 model on disk", () => {
  const file = join(folder, "int8.onnx");

  beforeAll(async () => {
    await exportOnnx(await openModel(weights), file, { ...int8, outputs: ["logits", "embedding"] });
  });

  it("computes what the model in memory does, bit for bit", async () => {
    expect(await logitsOf(file)).toEqual(await logitsOf(weights, int8));
  });

  it("carries its description, and gives the outputs that were exported", async () => {
    const model = await createModel(file);
    try {
      expect(model.description).toMatchObject({
        name: "colours",
        provenance: { precision: "int8, filters of 8 bits, ranges over 60 images" },
      });
      expect((await model.classify(await solidPng(colours.green)))[0]!.label).toBe("green");
      expect(await model.embed(paths[0]!)).toHaveLength(64);
      await expect(model.features(paths[0]!, ["stem"])).rejects.toMatchObject({
        code: "model/unknown-output",
      });
    } finally {
      await model.release();
    }
  });

  it("is integers throughout in stock ONNX Runtime, with the eval transform inside too", async () => {
    const whole = join(folder, "whole.onnx");
    await exportOnnx(await openModel(weights), whole, { ...int8, withPreprocessing: true });
    const [inside, plain] = [await optimisedOps(readFileSync(whole)), await optimisedOps(readFileSync(file))];
    expect(plain).toMatchObject({ QLinearConv: 9, QLinearAdd: 1 });
    expect(plain["Conv"]).toBeUndefined();
    expect(inside).toMatchObject({ QLinearConv: 9, QLinearAdd: 1 });

    const { data, info } = await sharp(paths[1]).raw().toBuffer({ resolveWithObject: true });
    const { logits } = await runModel(whole, {
      image: { dtype: "uint8", dims: [info.height, info.width, 3], data: new Uint8Array(data) },
    });
    expect(best([...(logits!.data as Float32Array)])).toBe(best((await logitsOf(file))[1]!));
  });

  it("is smaller than the half of float16", async () => {
    const half = join(folder, "half.onnx");
    await exportOnnx(await openModel(weights), half, { precision: "fp16" });
    expect(statSync(file).size).toBeLessThan(statSync(half).size * 1.5);
  });

  it.each<[string, CreateModelOptions, string]>([
    ["another precision", { precision: "fp32" }, "usage/precision"],
    ["floats of fewer bits", { precision: "bf16", engine: "openvino" }, "usage/precision"],
    ["images to calibrate it on", { precision: "int8", calibration: photos }, "usage/precision"],
    ["another classifier", { numClasses: 5 }, "model/fixed-graph"],
    ["another size", { preprocessing: { inputSize: 64 } }, "model/fixed-graph"],
    ["names that do not fit", { classes: ["one"] }, "model/class-names"],
  ])("does not take %s", async (_name, options, code) => {
    await expect(createModel(file, options)).rejects.toMatchObject({ code });
  });

  it("takes the precision that it has", async () => {
    expect(await logitsOf(file, { precision: "int8" })).toEqual(await logitsOf(file));
    const [whole, half] = [join(folder, "fp32.onnx"), join(folder, "fp16.onnx")];
    await exportOnnx(await openModel(weights), whole);
    await exportOnnx(await openModel(weights), half, { precision: "fp16" });
    expect(await logitsOf(whole, { precision: "fp32" })).toEqual(await logitsOf(whole));
    for (const [path, precision, held] of [
      [whole, "int8", "fp32"],
      [half, "fp32", "fp16"],
      [half, "bf16", "fp16"],
    ] as const) {
      await expect(createModel(path, { precision })).rejects.toThrow(
        `${path} computes in ${held}, as it was exported, and not in ${precision}`,
      );
    }
  });

  it("takes other names", async () => {
    const model = await createModel(file, { classes: ["rot", "grün", "blau"] });
    try {
      expect((await model.classify(paths[2]!))[0]!.label).toBe("blau");
    } finally {
      await model.release();
    }
  });

  it.each([
    { engine: "onnxruntime" },
    { calibration: photos },
    { reduceRange: false, precision: "fp16" },
  ] as const)("is not made of what only int8 has a use for: %j", async (options) => {
    const path = join(folder, "unmade.onnx");
    const refusal = {
      code: "usage/precision",
      message: expect.stringContaining("belongs to precision int8") as string,
    };
    await expect(exportOnnx(await openModel(weights), path, options)).rejects.toMatchObject(refusal);
    expect(existsSync(path)).toBe(false);
    if ("engine" in options) return;
    await expect(createModel(weights, { ...options, precision: "bf16" })).rejects.toMatchObject(refusal);
  });

  it("gives no weights back", async () => {
    await expect(openModel(file)).rejects.toMatchObject({ code: "model/no-weights" });
  });

  it("is opened with its preprocessing inside too", async () => {
    const inside = join(folder, "inside.onnx");
    await exportOnnx(await openModel(weights), inside, { withPreprocessing: true });
    const model = await createModel(inside);
    try {
      expect((await model.classify(await solidPng(colours.green)))[0]!.label).toBe("green");
    } finally {
      await model.release();
    }
  });

  it("is told from other files", async () => {
    const noise = join(folder, "noise.onnx");
    writeFileSync(noise, "no model at all");
    await expect(createModel(noise)).rejects.toMatchObject({ code: "graph/not-onnx" });
    await expect(createModel(join(folder, "absent.onnx"))).rejects.toMatchObject({ code: "data/not-found" });
  });
});

describe("calibrateModel", () => {
  it("looks at images from all of a source, as many as asked for", async () => {
    const source = await openModel(weights);
    const seen: string[] = [];
    const items = Array.from({ length: 100 }, (_, i): ImageItem => ({
      id: `${i}`,
      content: { path: paths[i % 60]! },
    }));
    const { images, failed } = await calibrateModel(
      source,
      {
        classes: undefined,
        size: items.length,
        async *[Symbol.asyncIterator]() {
          for (const item of items)
            yield {
              ...item,
              get content() {
                seen.push(item.id);
                return item.content;
              },
            };
        },
      },
      { images: 25 },
    );
    expect({ images, failed }).toEqual({ images: 25, failed: 0 });
    expect([...new Set(seen)]).toEqual(Array.from({ length: 25 }, (_, i) => `${4 * i}`));
  });

  it("gives the same ranges again, and those of more images hold those of fewer", async () => {
    const source = await openModel(weights);
    const all = await calibrateModel(source, photos);
    expect(await calibrateModel(source, paths)).toEqual(all);
    const some = await calibrateModel(source, photos, { images: 20 });
    for (const [reader, { min, max }] of some.ranges) {
      expect(all.ranges.get(reader)!.min).toBeLessThanOrEqual(min);
      expect(all.ranges.get(reader)!.max).toBeGreaterThanOrEqual(max);
    }
  });

  it("leaves out what it cannot read, and needs 16 images", async () => {
    const source = await openModel(weights);
    const broken = join(folder, "broken.png");
    writeFileSync(broken, "nothing");
    expect(await calibrateModel(source, [broken, ...paths])).toMatchObject({ images: 60, failed: 1 });
    await expect(calibrateModel(source, [broken, ...paths.slice(0, 15)])).rejects.toMatchObject({
      code: "data/too-few-images",
      message: expect.stringMatching(
        /at least 16 images .* got 15\. 1 could not be read, the first because: /,
      ) as string,
    });
    await expect(calibrateModel(source, [])).rejects.toMatchObject({ code: "data/no-images" });
  });
});

describe("sums of products of 8 bits", () => {
  const wide = join(folder, "wide.onnx");
  const narrow = join(folder, "narrow.onnx");

  beforeAll(async () => {
    const source = await openModel(weights);
    await exportOnnx(source, wide, int8);
    await exportOnnx(source, narrow, byDefault);
  });

  it.skipIf(cpuFlags === undefined)(
    "are exact where the processor has VNNI, and are not elsewhere",
    async () => {
      expect(await hasExactSums(nodePlatform)).toBe(/avx512_vnni|avx_vnni/.test(cpuFlags!));
    },
  );

  it("are exact in 7 bits on every processor", async () => {
    expect(await largestSumError(nodePlatform, { reduceRange: true })).toBeLessThan(1e-6);
  });

  it("are of 7 bits in a file, and here as the processor needs it", async () => {
    const precisionOf = async (model: string, options: CreateModelOptions = {}): Promise<string> => {
      const opened = await createModel(model, options);
      await opened.release();
      return opened.description.provenance["precision"]!;
    };
    expect(await precisionOf(narrow)).toBe("int8, filters of 7 bits, ranges over 60 images");
    const bits = (await hasExactSums(nodePlatform)) ? 8 : 7;
    expect(await precisionOf(weights, byDefault)).toBe(
      `int8, filters of ${bits} bits, ranges over 60 images`,
    );
  });

  it.skipIf(noEmulator !== undefined)(
    `are told from exact ones on a Haswell, which lacks it${noEmulator ? ` (${noEmulator})` : ""}`,
    async () => {
      const [info, classified] = await Promise.all([
        runCli(["info", wide], undefined, {}, haswell),
        runCli(["classify", paths[0]!, "--weights", narrow, "--json"], undefined, {}, haswell),
      ]);
      expect(info.stderr).toContain(`${wide} has filters of 8 bits, for processors with VNNI instructions`);
      expect(info.stderr).toContain("without --vnni");
      expect(classified.stderr).not.toContain("VNNI instructions");
      expect(probabilities(classified.stdout)).toEqual(
        probabilities((await runCli(["classify", paths[0]!, "--weights", narrow, "--json"])).stdout),
      );
    },
    300_000,
  );
});

/** Each class with its probability, as far as the order of float32 sums does not matter. */
const probabilities = (json: string): readonly string[] =>
  jsonLines<{ predictions: readonly { label: string; probability: number }[] }>(json)[0]!.predictions.map(
    ({ label, probability }) => `${label} ${probability.toFixed(4)}`,
  );
