import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fasterEngine, rememberSpeeds } from "../../src/node/engines/engine-speeds.ts";
import { findOpenVino, libraryVariable } from "../../src/node/engines/openvino/find-library.ts";
import { calibrateModel, createModel, exportOnnx, openImages, openModel } from "../../src/node/library.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { modelOf, type CreateModelOptions } from "../../src/predict/create-model.ts";
import { largestSumError } from "../../src/predict/int8/exact-sums.ts";
import type { Computation } from "../../src/predict/results.ts";
import type { FloatPrecision } from "../../src/runtime/engine.ts";
import type { Platform } from "../../src/runtime/platform.ts";
import { colourCheckpoint } from "../support/colour-model.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { noOpenVino } from "../support/openvino.ts";
import { difference, writePhotos, type Outputs } from "../support/model-outputs.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
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

/** The outputs for every photo. */
async function outputsOf(
  from: string,
  computation: Computation,
  options: CreateModelOptions = {},
): Promise<Outputs> {
  const opened = await createModel(from, options);
  try {
    const found: Record<string, Float32Array>[] = [];
    for await (const result of opened.run(computation, await openImages([photos]))) {
      if ("error" in result) throw result.error;
      found.push(Object.fromEntries(Object.entries(result.outputs).map(([name, { data }]) => [name, data])));
    }
    return found;
  } finally {
    await opened.release();
  }
}

describe("a network on OpenVINO", () => {
  beforeEach(({ skip }) => skip(noOpenVino !== undefined, noOpenVino));

  it.each<[string, Computation]>([
    ["logits", ["logits"]],
    ["embeddings", ["embedding"]],
    ["embeddings with those of mirrored images", ["mirrored_embedding"]],
    ["feature maps", ["stem", "layer1", "layer3"]],
  ])("gives ONNX Runtime's %s in float32", async (_, computation) => {
    const found = await outputsOf(model, computation, openVino);
    expect(difference(found, await outputsOf(model, computation))).toBeLessThan(2e-5);
  });

  it("gives the same whatever the batch and the number of workers", async () => {
    const expected = await outputsOf(model, ["logits"]);
    for (const plan of [{ batchSize: 1, workers: 1 }, { batchSize: 5 }, { batchSize: 64, workers: 2 }]) {
      expect(difference(await outputsOf(model, ["logits"], { ...openVino, plan }), expected)).toBeLessThan(
        2e-5,
      );
    }
  });

  it("is opened several times at once, with nothing compiled before", async () => {
    const expected = await outputsOf(model, ["logits"]);
    const kept = process.env["SSL_RESNEXT_CACHE"];
    process.env["SSL_RESNEXT_CACHE"] = join(folder, "empty-cache");
    const found = await Promise.all([1, 2, 3, 4].map(() => outputsOf(model, ["logits"], openVino)));
    process.env["SSL_RESNEXT_CACHE"] = kept;
    for (const outputs of found) expect(difference(outputs, expected)).toBeLessThan(2e-5);
  });

  it("goes without a cache that cannot be written to", async () => {
    const file = join(folder, "no-folder");
    writeFileSync(file, "");
    const nowhere = { SSL_RESNEXT_CACHE: join(file, "cache") };
    for (const engine of ["openvino", "auto"]) {
      const { code, stderr } = await runCli(
        ["classify", join(photos, "0.png"), "--engine", engine],
        undefined,
        nowhere,
      );
      expect(`${code} ${stderr}`).toMatch(/^0 /);
    }
  });

  describe("that was exported", () => {
    const exports = {
      fp32: {},
      fp16: { precision: "fp16" },
      "with preprocessing": { withPreprocessing: true },
      "int8 of 7 bits": { precision: "int8", calibration: photos },
      "int8 of 8 bits": { precision: "int8", calibration: photos, reduceRange: false },
    } as const;
    const path = (name: string): string => join(folder, `${name}.onnx`);

    beforeAll(async () => {
      const source = await openModel(model);
      for (const [name, options] of Object.entries(exports)) {
        await exportOnnx(source, path(name), { ...options, outputs: ["logits", "embedding"] });
      }
    });

    it.each([
      ["fp32", 2e-5],
      // ONNX Runtime rounds activations to 16 bits, as the file says; OpenVINO computes in float32.
      ["fp16", 1e-3],
      ["with preprocessing", 2e-5],
      ["int8 of 7 bits", 0.06],
      ["int8 of 8 bits", 0.06],
    ])("gives ONNX Runtime's outputs: %s", async (name, tolerance) => {
      const file = path(name);
      const found = await outputsOf(file, ["logits", "embedding"], openVino);
      expect(difference(found, await outputsOf(file, ["logits", "embedding"]))).toBeLessThan(tolerance);
    });

    it("is multiplied in bf16 when that is asked for, or refused", async () => {
      const expected = await outputsOf(path("fp32"), ["logits"]);
      const found = outputsOf(path("fp32"), ["logits"], { ...openVino, precision: "bf16" });
      const error = await found
        .then((outputs) => difference(outputs, expected))
        .catch((cause: unknown) => cause);
      if (typeof error !== "number")
        return expect(error).toMatchObject({ code: "runtime/precision-unavailable" });
      expect(error).toBeGreaterThan(1e-4);
      expect(error).toBeLessThan(0.05);
    });
  });

  it("has its narrow groups merged in bf16, whose kernels are faster with wide ones", async () => {
    // Two groups of 8 and of 16 channels, where the network of the package has 32 in each.
    const narrow = smallNetwork();
    const bytesIn = async (floats: FloatPrecision): Promise<number> => {
      let bytes = 0;
      const storeModel: Platform["storeModel"] = async (chunks, signal) => {
        const stored = await nodePlatform.storeModel(chunks, signal);
        bytes = statSync(join(dirname(stored.model as string), nodePlatform.externalData!)).size;
        return stored;
      };
      const opened = await modelOf({ ...nodePlatform, storeModel }, narrow, openVino, { floats });
      await opened.opened(["logits"], 1).catch((cause: unknown) => {
        if (floats === "fp32") throw cause;
      });
      await opened.release();
      return bytes;
    };
    // Half of each filter is zeros then.
    expect(await bytesIn("bf16")).toBeGreaterThan(await bytesIn("fp32"));
  });

  it("measures the ranges that int8 needs as ONNX Runtime does", async () => {
    const source = await openModel(model);
    const [found, expected] = [
      await calibrateModel(source, photos, openVino),
      await calibrateModel(source, photos),
    ];
    expect([...found.ranges.keys()]).toEqual([...expected.ranges.keys()]);
    for (const [reader, { min, max }] of expected.ranges) {
      const other = found.ranges.get(reader)!;
      expect(Math.abs(other.max - max)).toBeLessThan(1e-4 * (max - min));
      expect(Math.abs(other.min - min)).toBeLessThan(1e-4 * (max - min));
    }
  });

  it("calibrates an export, and a model that is classified with", async () => {
    const file = join(folder, "calibrated.onnx");
    const int8 = ["--precision", "int8", "--calibrate", photos, "--engine", "openvino"];
    for (const args of [
      ["export", "-m", model, "-o", file, ...int8],
      ["classify", join(photos, "0.png"), "-m", model, ...int8],
    ]) {
      const { code, stderr } = await runCli(args);
      expect(`${code} ${stderr}`).toMatch(/^0 /);
    }
    expect(difference(await outputsOf(file, ["logits"]), await outputsOf(model, ["logits"]))).toBeLessThan(
      0.3,
    );
    const { code, stderr } = await runCli(["export", "-m", model, "-o", file, "--engine", "openvino"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("--engine belongs to --precision int8");
  });

  it("scores images as ONNX Runtime does", async () => {
    const weights = await colourCheckpoint(folder);
    const labelled = join(folder, "labelled");
    await writeColouredImages(labelled, 3);
    const scoresOf = async (engine: string): Promise<readonly Record<string, unknown>[]> => {
      const out = join(folder, `run-${engine}`);
      const given = [
        "--labelled",
        labelled,
        "--unlabelled",
        photos,
        "--teacher",
        weights,
        "--teach",
        "false",
      ];
      const options = ["--method", "paper", "-o", out, "--engine", engine];
      const { code, stderr } = await runCli(["semi", "score", ...given, ...options]);
      expect(`${code} ${stderr}`).toMatch(/^0 /);
      const file = await asyncBufferFromFile(join(out, "scores/000000-photos.parquet"));
      return parquetReadObjects({ file, compressors });
    };
    const [found, expected] = [await scoresOf("openvino"), await scoresOf("onnxruntime")];
    expect(found.length).toBe(expected.length);
    found.forEach(({ score, ...row }, index) => {
      const { score: other, ...same } = expected[index]!;
      expect(row).toEqual(same);
      expect(score).toBeCloseTo(other as number, 4);
    });
    expect(readFileSync(join(folder, "run-openvino/report.html"), "utf8")).toContain("<td>openvino</td>");
  });

  it("adds the products of 7-bit filters up exactly", async () => {
    expect(await largestSumError(nodePlatform, { reduceRange: true }, "openvino")).toBeLessThan(1e-6);
  });

  it("keeps what it compiled, by what the model holds", async () => {
    const compiled = (): readonly string[] => readdirSync(join(folder, "cache/openvino"));
    await outputsOf(model, ["logits"], openVino);
    const before = compiled();
    await outputsOf(model, ["logits"], openVino);
    expect(before.length).toBeGreaterThan(0);
    expect(compiled()).toEqual(before);
  });

  it("is chosen where it was the faster, and says so", async () => {
    const args = ["classify", join(photos, "0.png"), "--engine", "auto", "--verbose"];
    const subject = { network: `${architecture}, 32x32, fp32`, batch: "one" } as const;
    await rememberSpeeds(subject, { onnxruntime: 2, openvino: 1 });
    expect((await runCli(args)).stderr).toContain("openvino, 1 worker");
    await rememberSpeeds(subject, { onnxruntime: 1, openvino: 2 });
    expect((await runCli(args)).stderr).toContain("onnxruntime, 1 worker");
  });

  it("is measured beside ONNX Runtime in every precision", async () => {
    const { code, stdout } = await runCli(["benchmark", "--all", "--runs", "1", "-b", "2", "--json"]);
    expect(code).toBe(0);
    const { results, missing } = JSON.parse(stdout) as Readonly<
      Record<"results" | "missing", readonly { engine: string; precision: string }[]>
    >;
    const setups = [...results, ...missing].map(({ engine, precision }) => `${precision} ${engine}`).sort();
    expect(setups).toEqual([
      "bf16 openvino",
      "fp32 onnxruntime",
      "fp32 openvino",
      "int8 onnxruntime",
      "int8 openvino",
    ]);
    expect(missing.every(({ precision }) => precision === "bf16")).toBe(true);
    const known = readFileSync(join(folder, "cache/engine-speeds.json"), "utf8");
    expect(known).toContain(`${architecture}, 32x32, int8, several images at once`);
  });
});

describe("the faster engine", () => {
  const subject = { network: "a network", batch: "many" } as const;
  const speed = { onnxruntime: 3, openvino: 5 };

  it("is measured once", async ({ skip }) => {
    skip(noOpenVino !== undefined, noOpenVino);
    const measured: string[] = [];
    const choose = (): Promise<string> =>
      fasterEngine(["onnxruntime", "openvino"], subject, (engine) => {
        measured.push(engine);
        return Promise.resolve(speed[engine]);
      });
    expect(await choose()).toBe("onnxruntime");
    expect(await choose()).toBe("onnxruntime");
    expect(measured).toEqual(["onnxruntime", "openvino"]);
  });
});

describe("what an engine has not", () => {
  const photo = join(photos, "0.png");

  it.each([
    [["--precision", "bf16"], "Use fp32 or int8, or engine openvino"],
    [["--device", "gpu"], 'Engine "openvino" has one'],
    [["--device", "webgpu", "--engine", "openvino"], "it has cpu, gpu, npu"],
    [
      ["--device", "gpu", "--engine", "openvino"],
      noOpenVino === undefined ? "finds no device" : "is not installed",
    ],
    [["--engine", "tensorrt"], "expected one of auto, onnxruntime, openvino"],
  ])("is refused: %s", async (options, message) => {
    const { code, stdout, stderr } = await runCli(["classify", photo, "--json", ...options]);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
  });

  it("is said where OpenVINO is not, with what to do", async () => {
    const elsewhere = { [libraryVariable]: join(folder, "nowhere") };
    const { code, stderr } = await runCli(["classify", photo, "--engine", "openvino"], undefined, elsewhere);
    expect(code).toBe(1);
    expect(stderr).toContain(`${libraryVariable} is ${join(folder, "nowhere")}`);
    expect(() => findOpenVino({ [libraryVariable]: folder })).toThrow(
      `${libraryVariable} is ${folder}, where`,
    );
  });

  it("is left out by auto", async () => {
    const elsewhere = { [libraryVariable]: join(folder, "nowhere") };
    const { code, stdout } = await runCli(
      ["classify", photo, "--engine", "auto", "--json"],
      undefined,
      elsewhere,
    );
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toHaveLength(1);
  });

  it("is said of a library that is no OpenVINO", async () => {
    const broken = join(folder, "broken");
    mkdirSync(broken);
    const name = { win32: "openvino_c.dll", darwin: "libopenvino_c.dylib" }[process.platform as string];
    writeFileSync(join(broken, name ?? "libopenvino_c.so"), "no library");
    const { code, stderr } = await runCli(["classify", photo, "--engine", "openvino"], undefined, {
      [libraryVariable]: broken,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("cannot be loaded");
    expect(stderr).toContain("[runtime/engine-unavailable]");
  });
});
