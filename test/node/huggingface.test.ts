import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import {
  createModel,
  exportHuggingFace,
  exportOnnx,
  exportSafetensors,
  openModel,
  type ModelSource,
} from "ssl-resnext";
import { beforeAll, describe, expect, it } from "vitest";
import { tensor } from "../../src/core/index.ts";
import { readModelInterface } from "../../src/graph/index.ts";
import { randomStateDict } from "../../src/nn/index.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";
import { openFileSource } from "../../src/node/files/file-storage.ts";
import { openCheckpoint } from "../../src/weights/index.ts";
import { noise } from "../image/noise.ts";
import { runCli } from "../support/run-cli.ts";
import { runModel } from "../support/run-graph.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = temporaryFolder();
const folder = join(root, "model");
const photo = join(root, "photo.png");
const classes = ["ash", "hot dog", "hot_dog"];
let source: ModelSource;

const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const metadataOf = (path: string): Readonly<Record<string, string>> =>
  readModelInterface(readFileSync(path), path).metadata;

async function planes(): Promise<ReturnType<typeof tensor<"float32">>> {
  const { width, height, data } = await decodeImage(readFileSync(photo));
  const values = new Float32Array(data.length);
  data.forEach((value, i) => (values[(i % 3) * width * height + Math.floor(i / 3)] = value));
  return tensor("float32", [1, 3, height, width], values);
}

async function logitsOf(weights: string): Promise<number[]> {
  const model = await createModel(weights);
  try {
    const logits: number[] = [];
    for (const { index, logit } of await model.classify(photo, { topk: 3 })) logits[index] = logit;
    return logits;
  } finally {
    await model.release();
  }
}

beforeAll(async () => {
  const { data } = noise(70, 50);
  const raw = { width: 70, height: 50, channels: 3 } as const;
  writeFileSync(photo, await sharp(data, { raw }).png().toBuffer());
  const random = { weights: "random", numClasses: 3, classes, preprocessing: { inputSize: 64 } };
  source = await openModel("resnet18", random);
  await exportHuggingFace(source, `${folder}/`, { outputs: ["logits", "embedding", "layer4"] });
});

const randomSource = (config: ModelSource["description"]["config"]): ModelSource => ({
  description: { ...source.description, config },
  withWeights: (use) => use(randomStateDict(config, 1)),
});

describe("exportHuggingFace", () => {
  it("writes these files", () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    expect(
      files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted(),
    ).toEqual([
      "README.md",
      "config.json",
      "model.onnx",
      "model.safetensors",
      "web/README.md",
      "web/config.json",
      "web/onnx/model.onnx",
      "web/onnx/model_fp16.onnx",
      "web/onnx/model_quantized.onnx",
      "web/preprocessor_config.json",
    ]);
    expect(readdirSync(root).toSorted()).toEqual(["model", "photo.png"]);
  });

  it("describes the network for timm and transformers, without a type of model", () => {
    expect(json(join(folder, "config.json"))).toEqual({
      architecture: "resnet18",
      num_classes: 3,
      num_features: 512,
      global_pool: "avg",
      label_names: classes,
      pretrained_cfg: {
        tag: "resnet18",
        custom_load: false,
        input_size: [3, 64, 64],
        fixed_input_size: false,
        interpolation: "bilinear",
        crop_pct: 0.875,
        crop_mode: "center",
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        num_classes: 3,
        pool_size: [2, 2],
        first_conv: "conv1",
        classifier: "fc",
      },
    });
    expect(json(join(folder, "web/config.json"))).toMatchObject({
      model_type: "resnet",
      architectures: ["ResNetForImageClassification"],
      id2label: { 0: "ash", 1: "hot dog", 2: "hot_dog" },
      label2id: { ash: 0, "hot dog": 1, hot_dog: 2 },
    });
    const left = Object.entries(json(join(folder, "web/preprocessor_config.json")) as object).filter(
      ([, on]) => on === true,
    );
    expect(left).toEqual([["do_convert_rgb", true]]);
  });

  it("names an architecture that has no name by its layers", async () => {
    const path = join(root, "layers");
    const config = { ...source.description.config, layers: [1, 1, 2, 1], outputStride: 16 } as const;
    await exportHuggingFace(randomSource(config), path);
    expect(json(join(path, "config.json"))).toMatchObject({
      architecture: "resnet18",
      model_args: { layers: [1, 1, 2, 1], output_stride: 16 },
      pretrained_cfg: { pool_size: [4, 4] },
    });
  });

  it("writes float32 weights with PyTorch's counters, which are read back as they were", async () => {
    const path = join(folder, "model.safetensors");
    await using file = await openFileSource(path);
    const { tensors, metadata } = await openCheckpoint(file);
    expect(metadata["format"]).toBe("pt");
    expect(tensors.size).toBe(122);
    expect(tensors.get("bn1.num_batches_tracked")).toMatchObject({ dtype: "int64", dims: [] });
    const other = join(root, "other.safetensors");
    await exportSafetensors(source, other);
    expect(await logitsOf(path)).toEqual(await logitsOf(other));
  });

  it("gives transformers' names to what the graphs give, and the class names to other programs", () => {
    const { inputs, outputs, metadata } = readModelInterface(
      readFileSync(join(folder, "model.onnx")),
      "model.onnx",
    );
    expect(inputs).toMatchObject([{ name: "pixel_values", dtype: "float32", shape: ["N", 3, 64, 64] }]);
    expect(outputs.map(({ name }) => name)).toEqual(["logits", "pooler_output", "last_hidden_state"]);
    expect(JSON.parse(metadata["classes"]!)).toEqual(classes);
  });

  it.each([
    ["model.onnx", 1e-4],
    ["model_fp16.onnx", 0.01],
    ["model_quantized.onnx", 0.05],
  ])("resizes, crops and normalises inside web/onnx/%s", async (name, tolerance) => {
    const { logits } = await runModel(join(folder, "web/onnx", name), { pixel_values: await planes() });
    const expected = await logitsOf(join(folder, "model.safetensors"));
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) {
      expect(Math.abs((logits!.data as Float32Array)[i]! - value)).toBeLessThan(tolerance * largest);
    }
  });

  it("computes in 8 bits in web/ when images are given for it", async () => {
    const images = join(root, "images");
    mkdirSync(images);
    for (let i = 0; i < 16; i++) writeFileSync(join(images, `${i}.png`), readFileSync(photo));
    const small = smallNetwork({ stem: "cifar", classes });
    const path = join(root, "calibrated");
    expect(await exportHuggingFace(small, path, { calibration: images })).toMatchObject({ timm: false });
    const { logits } = await runModel(join(path, "web/onnx/model_quantized.onnx"), {
      pixel_values: await planes(),
    });
    expect(logits!.dims).toEqual([1, 3]);
    expect(existsSync(join(path, "config.json"))).toBe(false);
  });

  it("refuses to write over what is there, and leaves nothing half-written", async () => {
    await expect(exportHuggingFace(source, folder)).rejects.toMatchObject({ code: "usage/output-exists" });
    const broken = { ...source, withWeights: () => Promise.reject(new Error("gone")) };
    await expect(exportHuggingFace(broken, join(root, "broken"))).rejects.toThrow("gone");
    expect(readdirSync(root).filter((name) => name.startsWith("broken"))).toEqual([]);
  });

  it("writes a model without classifier, for embeddings", async () => {
    const path = join(root, "embedding");
    await exportHuggingFace(smallNetwork({ numClasses: 0 }), path);
    const { outputs } = readModelInterface(readFileSync(join(path, "web/onnx/model.onnx")), path);
    expect(outputs.map(({ name }) => name)).toEqual(["pooler_output"]);
    expect(json(join(path, "web/config.json"))).toMatchObject({ architectures: ["ResNetModel"] });
  });
});

describe("ImageNet's names in an ONNX file", () => {
  it("stand in its metadata", async () => {
    const path = join(root, "imagenet.onnx");
    await exportOnnx(await openModel("resnet18", { weights: "random" }), path);
    const names = JSON.parse(metadataOf(path)["classes"]!) as string[];
    expect([names.length, names[0], names[999]]).toEqual([1000, "tench", "toilet tissue"]);
  });
});

describe("export --format huggingface", () => {
  it("says that timm has no such architecture, and writes the rest", async () => {
    const output = join(root, "cifar");
    const { code, stdout, stderr } = await runCli([
      "export",
      "-o",
      `${output}/`,
      "-f",
      "huggingface",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      output: `${output}/`,
      format: "huggingface",
      model: "ssl_resnext17_cifar10",
    });
    expect(stderr).toContain("timm has no architecture like this");
    expect(existsSync(join(output, "config.json"))).toBe(false);
    const card = readFileSync(join(output, "README.md"), "utf8");
    expect(card).toContain("license: apache-2.0\n");
    expect(card).toMatch(/Top-1 \d\d\.\d\d %/);
    expect(card).not.toContain("timm.create_model");
  });

  it.each([["--precision", "fp16"], ["--with-preprocessing"], ["--calibration-images", "20"]])(
    "refuses %s",
    async (...given) => {
      const { code, stderr } = await runCli([
        "export",
        "-o",
        join(root, "refused"),
        "-f",
        "huggingface",
        ...given,
      ]);
      expect(code).toBe(2);
      expect(stderr).toContain(given[0]);
      expect(existsSync(join(root, "refused"))).toBe(false);
    },
  );
});
