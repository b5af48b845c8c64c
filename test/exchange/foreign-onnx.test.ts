import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../../src/node/library.ts";
import type { CreateModelOptions } from "../../src/predict/create-model.ts";
import { exchangeMissing, runExchange } from "../support/exchange.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = exchangeMissing("torch", "timm", "onnx", "onnxruntime");

describe.skipIf(missing !== undefined)(`ONNX files of other architectures (${missing ?? "here"})`, () => {
  const folder = temporaryFolder();
  const picture = `${folder}/picture.png`;
  let answers: Readonly<Record<string, readonly number[]>> = {};

  beforeAll(() => {
    answers = runExchange("onnx_files.py", folder) as typeof answers;
  }, 300_000);

  /** The largest difference. */
  function distance(found: ArrayLike<number>, wanted: readonly number[] = []): number {
    if (found.length !== wanted.length) return Number.POSITIVE_INFINITY;
    return Math.max(...wanted.map((value, index) => Math.abs(found[index]! - value)));
  }

  const tolerance = 1e-5;

  const half = [0.5, 0.5, 0.5] as const;

  it.each<[name: string, file: string, options?: CreateModelOptions]>([
    ["plain", "plain.onnx"],
    [
      "flags",
      "plain.onnx",
      { preprocessing: { mean: half, std: half, cropPct: 0.9, interpolation: "bicubic" } },
    ],
    ["four", "four.onnx"],
    ["described", "described"],
    ["described", "described/model.onnx"],
    ["softmax", "softmax.onnx"],
    ["both", "both.onnx"],
    ["both", "named.onnx"],
    ["both", "unclear.onnx", { classes: ["a", "b", "c"] }],
    ["grey", "grey.onnx"],
    ["ultralytics", "ultralytics.onnx"],
  ])("%s: %s gives ONNX Runtime's answer in Python", async (name, file, options) => {
    const model = await createModel(`${folder}/${file}`, options);
    try {
      const predictions = await model.classify(picture, { topk: 3 });
      const inOrder = predictions.toSorted((a, b) => a.index - b.index);
      const isShares = name === "softmax" || name === "ultralytics";
      const found = inOrder.map(({ logit, probability }) => (isShares ? probability : logit));
      expect(distance(found, answers[name])).toBeLessThan(tolerance);
    } finally {
      await model.release();
    }
  });

  it("takes names from a config.json beside the model, and from its metadata", async () => {
    expect((await createModel(`${folder}/described`)).classes).toEqual(["apple", "pear", "plum"]);
    expect((await createModel(`${folder}/ultralytics.onnx`)).classes).toEqual(["it's a", "b", "c"]);
  });

  it("embeds by the usual name of an embedding, and by any name", async () => {
    const [both, named] = [
      await createModel(`${folder}/both.onnx`),
      await createModel(`${folder}/named.onnx`),
    ];
    expect(distance(await both.embed(picture), answers["features"])).toBeLessThan(tolerance);
    const hidden = await named.embed(picture, { output: "hidden" });
    expect(distance(hidden, answers["hidden"])).toBeLessThan(tolerance);
    await expect(named.embed(picture)).rejects.toMatchObject({
      code: "model/unknown-output",
      message: expect.stringContaining("gives hidden, logits, not embedding") as string,
    });
    await Promise.all([both.release(), named.release()]);
  });

  it.each([
    ["unclear.onnx", "model/not-a-classifier", "one float32[batch, 1024], two float32[batch, 3]"],
    ["last.onnx", "model/not-a-classifier", "its channels come last"],
    ["detector.onnx", "model/not-a-classifier", "expected one output float32[N, classes]"],
    ["map.onnx", "model/not-a-classifier", "float32[1, 3, 8, 8]"],
  ])("%s is refused by what it is", async (file, code, text) => {
    await expect(createModel(`${folder}/${file}`)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text) as string,
    });
  });

  it("refuses what is written into the graph", async () => {
    const asked: readonly CreateModelOptions[] = [
      { numClasses: 4 },
      { inChannels: 1 },
      { preprocessing: { inputSize: 256 } },
      { plan: { batchSize: 2 } },
    ];
    for (const options of asked) {
      const open = async (): Promise<unknown> => {
        const model = await createModel(`${folder}/four.onnx`, options);
        return await model.classify(picture);
      };
      await expect(open()).rejects.toMatchObject({ code: "model/fixed-graph" });
    }
  });

  it("is validated, and scores as a teacher what its names fit", async () => {
    for (const name of ["apple", "pear", "plum"]) {
      mkdirSync(join(folder, "fruit", name), { recursive: true });
      copyFileSync(picture, join(folder, "fruit", name, "0.png"));
    }
    const fruit = join(folder, "fruit");
    const validated = await runCli(["validate", fruit, "-w", `${folder}/described`, "--json"]);
    expect(JSON.parse(validated.stdout)).toMatchObject({ count: 3, failed: 0 });
    expect((JSON.parse(validated.stdout) as { top1: number }).top1).toBeCloseTo(100 / 3, 3);

    const model = await createModel(`${folder}/described`);
    const wanted = await model.classify(picture, { topk: 3 });
    await model.release();
    const out = join(folder, "taught");
    const data = ["--labelled", fruit, "--unlabelled", join(fruit, "apple"), "-o", out];
    const run = await runCli([
      "semi",
      "score",
      ...data,
      "--teacher",
      `${folder}/described`,
      "--teach",
      "false",
    ]);
    expect(run.code, `it says ${run.stderr}`).toBe(0);
    const [table] = readdirSync(join(out, "scores")).filter((name) => name.endsWith(".parquet"));
    const file = await asyncBufferFromFile(join(out, "scores", table!));
    const rows = (await parquetReadObjects({ file })) as { class: bigint; score: number }[];
    const scores = new Map(rows.map((row) => [Number(row.class), row.score]));
    for (const { index, probability } of wanted) expect(scores.get(index)).toBeCloseTo(probability, 5);
  });

  it("says in the terminal what is assumed, and what info knows", async () => {
    const classified = await runCli(["classify", picture, "-w", `${folder}/plain.onnx`]);
    expect(classified.stderr).toContain("nothing says how plain wants its images");
    const flags = ["--mean", "0.5", "--std", "0.5", "--crop-pct", "0.9", "--interpolation", "bicubic"];
    const told = await runCli([
      "classify",
      picture,
      "-w",
      `${folder}/plain.onnx`,
      ...flags,
      "--json",
      "--logits",
    ]);
    expect(told.stderr).toBe("");
    const { predictions } = JSON.parse(told.stdout) as { predictions: { index: number; logit: number }[] };
    const logits = predictions.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
    expect(distance(logits, answers["flags"])).toBeLessThan(tolerance);
    const info = await runCli(["info", `${folder}/named.onnx`, "--json"]);
    expect(JSON.parse(info.stdout)).toMatchObject({ format: "onnx", logits: "logits", embedding: null });
    const timed = await runCli([
      "benchmark",
      "-w",
      `${folder}/four.onnx`,
      "--runs",
      "1",
      "--warm-up",
      "0",
      "--json",
    ]);
    expect(JSON.parse(timed.stdout)).toMatchObject({ timings: [{ batchSize: 4 }] });
  });
});
