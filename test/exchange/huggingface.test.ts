import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { createModel, exportHuggingFace, type ModelSource } from "ssl-resnext";
import { beforeAll, describe, expect, it } from "vitest";
import { elementCount, tensor, type StateDict } from "../../src/core/index.ts";
import { imagenetClasses } from "../../src/data/imagenet/classes.ts";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import { modelConfig, parametersOf, type ModelConfig } from "../../src/nn/index.ts";
import { noise } from "../image/noise.ts";
import { peers, python } from "../support/exchange.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const transformersJs = join(peers, "node_modules/@huggingface/transformers/dist/transformers.node.mjs");
const missing = existsSync(join(peers, "installed")) ? "" : " (skipped: .ci/peers has not installed them)";

type Rows = readonly (readonly number[])[];

interface Found {
  readonly logits: Rows;
  readonly labels: readonly string[] | null;
  readonly parameters: number;
  readonly problems: readonly string[];
}

interface FoundOnTheWeb {
  readonly logits: Rows;
  readonly labels: readonly (readonly string[])[];
}

/** Weights with which every layer counts, as in a network that was trained; the released ones are not at hand. */
function seededSource(
  config: ModelConfig,
  classes: ModelSource["description"]["classes"],
  more: Partial<ModelSource["description"]["preprocessing"]> = {},
): ModelSource {
  const { normal, uniform } = randomTensors(3);
  const weights: StateDict = new Map(
    parametersOf(config).map(({ name, dims }) => {
      const scales = name.endsWith("running_var") || (name.endsWith("weight") && dims.length === 1);
      if (scales) return [name, uniform(0.5, 1, ...dims)];
      const inputs = elementCount(dims.slice(1));
      const { data } = normal(...dims);
      return [
        name,
        tensor(
          "float32",
          dims,
          data.map((value) => value * (dims.length > 1 ? Math.sqrt(1.5 / inputs) : 0.1)),
        ),
      ];
    }),
  );
  return {
    description: {
      name: "seeded",
      config,
      classes,
      preprocessing: { ...imagenetPreprocessing, ...more },
      provenance: { weights: "random", licence: "CC-BY-NC 4.0" },
    },
    withWeights: (use) => use(weights),
  };
}

const sizes = [
  [500, 375],
  [333, 500],
  [224, 224],
  [1200, 800],
  [60, 45],
] as const;

const cases: readonly (readonly [string, ModelSource])[] = [
  ["a ResNeXt-50 of ImageNet's classes", seededSource(modelConfig("resnext50_32x4d"), "imagenet-1k")],
  [
    "a network of three classes, with other preprocessing",
    seededSource(
      { ...modelConfig("resnet18"), layers: [1, 2, 1, 1], numClasses: 3 },
      ["ash", "hot dog", "hot_dog"],
      {
        inputSize: 160,
        cropPct: 0.95,
        interpolation: "bicubic",
        mean: [0.5, 0.5, 0.5],
        std: [0.25, 0.3, 0.5],
      },
    ),
  ],
];

const largest = (a: readonly number[], b: ArrayLike<number>): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
const best = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));

describe.skipIf(missing !== "").each(cases)(`today's tools open the folder of %s${missing}`, (_, source) => {
  const root = temporaryFolder();
  const folder = join(root, "model");
  const photos = sizes.map((__, i) => join(root, `${i}.png`));
  let expected: Rows;
  let labels: readonly string[];
  let found: Readonly<Record<string, Found>>;
  let web: Readonly<Record<string, FoundOnTheWeb>>;

  beforeAll(async () => {
    for (const [i, [width, height]] of sizes.entries()) {
      // Noise that is blurred has the frequencies of a photograph.
      const { data } = noise(width, height);
      const picture = sharp(data, { raw: { width, height, channels: 3 } })
        .blur(3)
        .normalise();
      writeFileSync(photos[i]!, await picture.png().toBuffer());
    }
    await exportHuggingFace(source, folder);
    const model = await createModel(join(folder, "model.safetensors"));
    try {
      const { numClasses } = source.description.config;
      const rows: number[][] = [];
      for (const photo of photos) {
        const row: number[] = [];
        for (const { index, logit } of await model.classify(photo, { topk: numClasses })) row[index] = logit;
        rows.push(row);
      }
      expected = rows;
    } finally {
      await model.release();
    }
    const { classes } = source.description;
    labels = classes === "imagenet-1k" ? (await imagenetClasses()).map(({ label }) => label) : classes;
    const run = (command: string, args: readonly string[]): unknown =>
      JSON.parse(
        execFileSync(command, args, { maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "inherit"] }).toString(),
      );
    const reference = new URL("../reference/", import.meta.url).pathname;
    found = run(python, ["-W", "ignore", join(reference, "exchange.py"), folder, ...photos]) as typeof found;
    web = run(process.execPath, [
      join(reference, "exchange.mjs"),
      transformersJs,
      folder,
      ...photos,
    ]) as typeof web;
  }, 600_000);

  const apart = (rows: Rows): number => Math.max(...rows.map((row, i) => largest(expected[i]!, row)));
  const sameBest = (rows: Rows): number => rows.filter((row, i) => best(row) === best(expected[i]!)).length;

  it.each(["timm", "transformers", "onnxruntime", "openvino"])("%s gives the logits to 2e-4", (tool) => {
    expect(found[tool]!.logits).toHaveLength(photos.length);
    expect(apart(found[tool]!.logits)).toBeLessThan(2e-4);
  });

  it("finds every weight, and no other, in transformers", () => {
    expect(found["transformers"]!.problems).toEqual([]);
  });

  it("has the same names everywhere", () => {
    expect(found["onnxruntime"]!.labels).toEqual(labels);
    const own = source.description.classes === "imagenet-1k" ? null : labels;
    expect(found["timm"]!.labels ?? null).toEqual(own);
    // transformers has ImageNet's names from timm, all lemmas of a class.
    expect(found["transformers"]!.labels!.map((name) => (own ? name : name.split(", ")[0]))).toEqual(labels);
    for (const [i, row] of expected.entries()) {
      const order = row.map((_value, index) => index).toSorted((a, b) => row[b]! - row[a]!);
      expect(web["fp32"]!.labels[i]!.slice(0, 3)).toEqual(order.slice(0, 3).map((index) => labels[index]));
    }
  });

  it("resizes inside the graphs as timm does outside, in OpenVINO and transformers.js", () => {
    for (const rows of [found["openvino, resized inside"]!.logits, web["fp32"]!.logits]) {
      expect(apart(rows)).toBeLessThan(2e-3);
      expect(sameBest(rows)).toBe(photos.length);
    }
  });

  it("is nearly the same in float16 and in 8 bits", () => {
    const spread = Math.max(...expected.flat()) - Math.min(...expected.flat());
    expect(apart(web["fp16"]!.logits)).toBeLessThan(spread / 100);
    // Of weights in 8 bits whose ranges were not measured on images.
    expect(apart(web["q8"]!.logits)).toBeLessThan(spread / 5);
  });
});
