import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Confidence } from "../../src/nn/index.ts";
import {
  createModel,
  exportHuggingFace,
  exportOnnx,
  exportSafetensors,
  openImages,
  openModel,
} from "../../src/node/library.ts";
import { runSemi } from "../../src/node/semi.ts";
import { trainModel } from "../../src/node/training.ts";
import { softmax } from "../../src/predict/metrics/metrics.ts";
import type { AnswerOptions, Model } from "../../src/predict/index.ts";
import type { TrainingEvent, TrainModelOptions } from "../../src/train/index.ts";
import { readConfidence, runFolder } from "../../src/train/index.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const [data, others, run, start] = [at("data"), at("others"), at("run"), at("small.safetensors")];
const best = at("run", "best.safetensors");
const imagesPerClass = 40;

/** Every eighth image lies in the folder of the next class, so that nobody can be right about all of them. */
async function writeMislabelled(target: string, seed: number): Promise<void> {
  await writeColouredImages(target, imagesPerClass, seed);
  for (const [index, name] of colours.entries()) {
    for (let i = 0; i < imagesPerClass; i += 8) {
      renameSync(
        join(target, name, `${i}.png`),
        join(target, colours[(index + 1) % colours.length]!, `from-${name}-${i}.png`),
      );
    }
  }
}

type Options = Partial<TrainModelOptions>;

async function train(out: string, options: Options): Promise<readonly TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  const training = trainModel({
    data,
    weights: start,
    out: at(out),
    recipe: { mode: "head" },
    embeddingCache: at("cache"),
    ...options,
  });
  for await (const event of training) events.push(event);
  return events;
}

const said = (events: readonly TrainingEvent[]): object =>
  events.find(({ type }) => type === "confidence" || type === "no-confidence")!;

const confidenceOf = async (file: string): Promise<Confidence | undefined> =>
  (await openModel(file)).description.confidence;

/** What a model says of the first image. */
async function answerOf(
  model: Model,
  options: AnswerOptions,
): Promise<{ isUnknown?: boolean; probability: number }> {
  for await (const answer of model.classifyAll(await openImages([others]), { topk: 3, ...options })) {
    if ("error" in answer) throw answer.error;
    const { predictions, isUnknown } = answer;
    return { probability: predictions[0]!.probability, ...(isUnknown === undefined ? {} : { isUnknown }) };
  }
  throw new Error("no image");
}

let events: readonly TrainingEvent[];
let confidence: Confidence;
beforeAll(async () => {
  await writeMislabelled(data, 1);
  await writeMislabelled(others, 2);
  await exportSafetensors(smallNetwork({ inputSize: 16, numClasses: 5, stem: "cifar" }), start);
  events = await train("run", {});
  confidence = (await confidenceOf(best))!;
});

describe("a classifier", () => {
  it("has the temperature of its cross-validation in its file, its events and beside its page", async () => {
    expect(confidence.fittedTo).toBe("120 images in 5-fold cross-validation");
    expect(confidence.temperature).toBeGreaterThan(0.2);
    expect(confidence.temperature).toBeLessThan(5);
    expect(said(events)).toEqual({ type: "confidence", ...confidence });
    const fit = await readConfidence(runFolder(nodePlatform.storageFor, run));
    expect(fit).toMatchObject({ confidence, reliability: { raw: { images: 120 }, scaled: { images: 120 } } });
    const page = readFileSync(join(run, "report.html"), "utf8");
    expect(page).toContain("<h2>How sure it is</h2>");
    expect(page).toContain("Right answers by probability");
  });

  it("gives probabilities at that temperature, and of the logits as they come where it is asked for", async () => {
    const model = await createModel(best);
    try {
      const image = join(others, "red", "1.png");
      const scaled = await model.classify(image, { topk: 3 });
      const raw = await model.classify(image, { topk: 3, raw: true });
      const logits = scaled.map(({ logit }) => logit);
      expect(raw.map(({ logit }) => logit)).toEqual(logits);
      expect(scaled.map(({ probability }) => probability)).toEqual([
        ...softmax(logits, confidence.temperature),
      ]);
      expect(raw.map(({ probability }) => probability)).toEqual([...softmax(logits)]);
      const explained = await model.explain(image, { topk: 3 });
      expect(explained.explained.probability).toBeCloseTo(scaled[0]!.probability, 4);
    } finally {
      await model.release();
    }
  });

  it("marks what is less probable than a value, or than the one that its file suggests", async () => {
    const model = await createModel(best);
    try {
      const { probability, ...plain } = await answerOf(model, {});
      expect(plain).toEqual({});
      const isUnknown = async (options: AnswerOptions): Promise<boolean | undefined> =>
        (await answerOf(model, options)).isUnknown;
      expect(await isUnknown({ unknownBelow: probability })).toBe(false);
      expect(await isUnknown({ unknownBelow: Math.min(1, probability + 1e-4) })).toBe(true);
      expect(await isUnknown({ unknownBelow: 0 })).toBe(false);
      expect(await isUnknown({ unknownBelow: "suggested" })).toBe(probability < confidence.unknownBelow);
      const refused = { code: "usage/unknown-below" };
      await expect(isUnknown({ unknownBelow: 1.5 })).rejects.toMatchObject(refused);
      await expect(isUnknown({ unknownBelow: NaN })).rejects.toMatchObject(refused);
      await expect(isUnknown({ unknownBelow: "suggested", raw: true })).rejects.toMatchObject(refused);
      await expect(model.classify(join(others, "red", "1.png"), { unknownBelow: 0.5 })).rejects.toMatchObject(
        refused,
      );
    } finally {
      await model.release();
    }
  });

  it("is measured with it and without", async () => {
    const model = await createModel(best);
    try {
      const { reliability, loss } = await model.validate(await openImages([others]));
      expect(reliability).toMatchObject({ raw: { images: 120, loss }, scaled: { images: 120 } });
      expect(reliability.scaled!.loss).not.toBe(loss);
    } finally {
      await model.release();
    }
  });

  it("keeps it in ONNX files and folders for Hugging Face", async () => {
    const source = await openModel(best);
    await exportOnnx(source, at("model.onnx"));
    await exportHuggingFace(source, at("hub"));
    expect(readFileSync(at("hub", "README.md"), "utf8")).toContain(
      `Divide the logits by ${confidence.temperature} before the softmax`,
    );
    const expected = await createModel(best);
    const { probability } = await answerOf(expected, {});
    await expected.release();
    for (const file of [at("model.onnx"), at("hub", "model.safetensors"), at("hub", "model.onnx")]) {
      const model = await createModel(file);
      try {
        expect(model.description.confidence).toEqual(confidence);
        expect((await answerOf(model, { unknownBelow: "suggested" })).probability).toBeCloseTo(
          probability,
          4,
        );
      } finally {
        await model.release();
      }
    }
  });
});

describe("other weights", () => {
  const quick = { base: "quick", epochs: 1, batchSize: 40 } as const;

  it("do not inherit it: what is trained on from there, has other classes, or is a mean", async () => {
    const trained = await train("full", { weights: best, recipe: { ...quick, validationShare: 0 } });
    expect(said(trained)).toEqual({
      type: "no-confidence",
      reason: "no image was kept out of the training, to tell how sure the model is",
    });
    expect(await confidenceOf(at("full", "best.safetensors"))).toBeUndefined();
    const changed = await openModel(best, { numClasses: 7 });
    expect(changed.description.confidence).toBeUndefined();
    const { code } = await runCli([
      "average",
      best,
      at("full", "best.safetensors"),
      "-o",
      at("mean.safetensors"),
    ]);
    expect({ code, confidence: await confidenceOf(at("mean.safetensors")) }).toEqual({
      code: 0,
      confidence: undefined,
    });
  });

  it("keep what their classifier had where that is asked for, but for a temperature below 1", async () => {
    const kept = await train("kept", {
      weights: best,
      recipe: { ...quick, validationShare: 0 },
      keepConfidence: true,
    });
    expect(said(kept)).toEqual({
      type: "confidence",
      temperature: Math.max(1, confidence.temperature),
      unknownBelow: confidence.unknownBelow,
      fittedTo: `${confidence.fittedTo}, of the classifier that the network was trained from`,
    });
    expect(await confidenceOf(at("kept", "best.safetensors"))).toMatchObject({
      unknownBelow: confidence.unknownBelow,
    });
  });

  it("have that of their validation images, in the file of the best epoch", async () => {
    const validated = await train("validated", { weights: best, recipe: quick, validation: others });
    const own = await confidenceOf(at("validated", "best.safetensors"));
    expect(own?.fittedTo).toBe(`120 validation images, ${others}, which chose the epoch too`);
    expect(said(validated)).toEqual({ type: "confidence", ...own });
  });

  it("of few validation images have none, and it is said why", async () => {
    const few = await train("few", { weights: best, recipe: { ...quick, validationShare: 0.2 } });
    expect(said(few)).toMatchObject({
      type: "no-confidence",
      reason: expect.stringContaining("24 images are too few") as string,
    });
    expect(await confidenceOf(at("few", "best.safetensors"))).toBeUndefined();
  });
});

describe("a run from labelled and unlabelled images", { timeout: 240_000 }, () => {
  const settings = {
    labelled: [data],
    unlabelled: [others],
    teacher: start,
    method: "labels",
  } as const;
  const tuneRecipe = { base: "quick", epochs: 1, batchSize: 40, learningRate: 0.001 } as const;

  it("ends with a whole network that is as sure as its classifier was, and says that it may be surer", async () => {
    for await (const _ of runSemi({ settings: { ...settings, mode: "full", tuneRecipe }, out: at("semi") }));
    const { description } = await openModel(at("semi", "best.safetensors"));
    expect(description.confidence?.fittedTo).toBe(
      "120 images in 5-fold cross-validation, of the classifier that the network was trained from",
    );
    expect(description.confidence?.temperature).toBeGreaterThanOrEqual(1);
    const page = readFileSync(at("semi", "report.html"), "utf8");
    expect(page).toContain("<h2>How sure it is</h2>");
    expect(page).toContain("This was measured of the classifier");
  });

  it("shows how sure the outcome is of test images, where there are any", async () => {
    for await (const _ of runSemi({
      settings: { ...settings, mode: "head", test: [others] },
      out: at("tested"),
    }));
    const page = readFileSync(at("tested", "report.html"), "utf8");
    expect(page).toMatch(
      /The expected calibration error on 120 test images, [^<]*, and [\d.]+ % at the temperature:/,
    );
  });
});

describe("the command line", () => {
  it("marks unknown images in each form, and says in info and at the end what is suggested", async () => {
    const classify = (...args: readonly string[]): ReturnType<typeof runCli> =>
      runCli(["classify", join(others, "red", "1.png"), "-w", best, "-k", "1", ...args]);
    const [lines, json, csv, info] = await Promise.all([
      classify("--unknown-below", "1"),
      classify("--unknown-below", "suggested", "--json"),
      classify("--unknown-below", "1", "-f", "csv"),
      runCli(["info", best]),
    ]);
    expect(lines.stdout).toMatch(/^ {2}unknown \(most likely: \w+ \d+\.\d\d %\)$/m);
    expect(jsonLines<{ unknown: boolean }>(json.stdout)[0]!.unknown).toBeTypeOf("boolean");
    expect(csv.stdout).toMatch(/^image,rank,index,label,probability,unknown,error\n.*,yes,$/m);
    expect(info.stdout).toContain(`suggested --unknown-below ${confidence.unknownBelow}`);
  });

  it("fits a temperature to images of a model that has none, and writes it beside the weights", async () => {
    const [bare, sure] = [at("full", "best.safetensors"), at("sure.safetensors")];
    const { code, stdout } = await runCli([
      "validate",
      others,
      "-w",
      bare,
      "--fit-temperature",
      sure,
      "--json",
    ]);
    const [summary] = jsonLines<{ readonly fitted: object; readonly calibrationError: number }>(stdout);
    const { temperature, unknownBelow, calibrationError, fittedTo } = (await confidenceOf(sure))!;
    expect(code).toBe(0);
    expect(fittedTo).toBe(`120 images, ${others}`);
    expect(summary!.fitted).toEqual({
      file: sure,
      temperature,
      unknownBelow,
      calibrationError: calibrationError!.scaled,
    });
    const [{ description, ...before }, after] = [await openModel(bare), await openModel(sure)];
    expect(after.description).toEqual({ ...description, confidence: await confidenceOf(sure) });
    const bytesOf = async (source: Pick<typeof after, "withWeights">): Promise<unknown> =>
      source.withWeights(async (weights) => (await weights.get("fc.weight")!.load()).data);
    expect(await bytesOf(after)).toEqual(await bytesOf(before));
  });

  it.each([
    ["model.onnx", "sure.safetensors", [], "is an exported graph"],
    ["run/best.safetensors", "sure.onnx", [], "expected a name in .safetensors"],
    ["run/best.safetensors", "x.safetensors", ["--subset", "imagenet-a"], "does not go with --subset"],
  ])("refuses to fit %s into %s %j", async (weights, file, more, reason) => {
    const { code, stderr } = await runCli([
      "validate",
      others,
      "-w",
      at(weights),
      "--fit-temperature",
      at(file),
      ...more,
    ]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(reason) as string });
    expect(stderr).toContain("usage/fit-temperature");
  });

  it("refuses a suggested value of a model that has none, and says what to do", async () => {
    const { code, stderr } = await runCli(["classify", join(others, "red"), "--unknown-below", "suggested"]);
    expect(code).toBe(2);
    expect(stderr).toContain("suggests no value, as nobody has measured how sure it is");
    expect(stderr).toContain("usage/unknown-below");
  });
});
