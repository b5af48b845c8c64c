import { describe, expect, it } from "vitest";
import { SessionError, UsageError } from "../../../src/core/index.ts";
import { modelConfig, parametersOf, resnetConfig } from "../../../src/nn/index.ts";
import {
  checkResume,
  decodeTrainingRecord,
  encodeTrainingRecord,
  explainMemory,
  programOptions,
  resolveRecipe,
  startPosition,
  summaryCsv,
  trainingPlan,
  type Recipe,
  type RunIdentity,
  type TrainingRecord,
} from "../../../src/train/index.ts";

const recipe = (values: Readonly<Record<string, unknown>> = {}): Recipe =>
  resolveRecipe([{ name: "test", values: { base: "supervised", ...values } }]);

describe("the plan of a run", () => {
  it("counts epochs in whole batches", () => {
    expect(trainingPlan(recipe({ epochs: 3, batchSize: 8 }), 10)).toEqual({
      batchSize: 8,
      batchesPerEpoch: 10,
      steps: 30,
      epochs: 3,
      stepsPerRow: 1,
    });
  });

  it("counts images whatever the epochs, and keeps the history short", () => {
    const plan = trainingPlan(recipe({ images: 1_000_001, batchSize: 100 }), 300);
    expect(plan).toMatchObject({ steps: 10_001, epochs: 34, stepsPerRow: 6 });
  });
});

describe("what a recipe trains", () => {
  const config = modelConfig("resnet18");
  const trained = (values: Readonly<Record<string, unknown>>): readonly string[] => {
    const { trains = () => true } = programOptions(recipe(values), config, 224);
    return [
      ...new Set(parametersOf(config).flatMap(({ name }) => (trains(name) ? [name.split(".")[0]!] : []))),
    ];
  };

  it("is all of the network, or the last stages and the classifier", () => {
    expect(trained({})).toEqual(["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]);
    expect(trained({ mode: "last-stages", lastStages: 2 })).toEqual(["layer3", "layer4", "fc"]);
    expect(trained({ mode: "last-stages", lastStages: 0 })).toEqual(["fc"]);
    expect(trained({ mode: "last-stages", lastStages: 4 })).not.toContain("conv1");
  });

  it("is computed in micro-batches, the classifier at a rate of its own", () => {
    const options = programOptions(recipe({ batchSize: 64, microBatch: 16, headRateFactor: 10 }), config, 64);
    expect(options).toMatchObject({ batchSize: 16, accumulate: 4, inputSize: 64 });
    expect(["fc.weight", "layer4.0.conv1.weight"].map((name) => options.rateFactor!(name))).toEqual([10, 1]);
  });
});

describe("the record in a checkpoint", () => {
  const record: TrainingRecord = {
    recipe: recipe(),
    data: { images: 90, hash: "ab", validationImages: null },
    position: {
      ...startPosition,
      step: 7,
      epoch: { images: 56, loss: 0.1 + 0.2, correct: 3, seconds: 1 / 3 },
      best: { epoch: 1, top1: 50 },
    },
    historyBytes: 123,
  };

  it("is read as it was written, to the last digit", () => {
    expect(decodeTrainingRecord(encodeTrainingRecord(record), "last.safetensors")).toEqual(record);
  });

  it("is read without values that came later, and goes on with their defaults", () => {
    const { augmentProb, colorJitterProb, grayscaleProb, gaussianBlurProb, ...older } = record.recipe;
    const later = { augmentProb, colorJitterProb, grayscaleProb, gaussianBlurProb };
    expect(later).toEqual({ augmentProb: 1, colorJitterProb: 1, grayscaleProb: 0, gaussianBlurProb: 0 });
    const metadata = encodeTrainingRecord({ ...record, recipe: older as Recipe });
    expect(decodeTrainingRecord(metadata, "last.safetensors")).toEqual(record);
  });

  it("is refused when it is missing or of another version", () => {
    const code = "train/no-checkpoint";
    expect(() => decodeTrainingRecord({}, "x.safetensors")).toThrow(expect.objectContaining({ code }));
    const other = { "ssl-resnext-training": JSON.stringify({ ...record, version: 2 }) };
    expect(() => decodeTrainingRecord(other, "x.safetensors")).toThrow(
      /x\.safetensors: .* not that of a training/s,
    );
  });
});

describe("a resume", () => {
  const identity: RunIdentity = {
    recipe: recipe(),
    data: { images: 90, hash: "ab", validationImages: 10 },
    config: resnetConfig({ numClasses: 2 }),
    classes: ["cat", "dog"],
  };

  it("may save at other times", () => {
    const other = { ...identity, recipe: recipe({ saveMinutes: 1, checkpointEvery: 2 }) };
    expect(() => checkResume(identity, other, "last.safetensors")).not.toThrow();
  });

  it.each<[Partial<RunIdentity>, string]>([
    [{ recipe: recipe({ learningRate: 0.2 }) }, "learningRate: 0.1 when it began, 0.2 now"],
    [{ classes: ["cat", "cow"] }, 'the classes: ["cat","dog"] when it began, ["cat","cow"] now'],
    [{ data: { ...identity.data, hash: "cd" } }, "the training images have other names or classes"],
    [{ data: { ...identity.data, images: 91 } }, "the number of training images: 90 when it began, 91 now"],
    [{ config: resnetConfig({ numClasses: 2, baseWidth: 4 }) }, "the network: "],
  ])("refuses %j", (changed, message) => {
    const resume = (): void => checkResume(identity, { ...identity, ...changed }, "last.safetensors");
    expect(resume).toThrow(message);
    expect(resume).toThrow(expect.objectContaining({ code: "train/other-run" }));
  });
});

it("says what to do where the memory does not suffice", () => {
  const cause = new SessionError("runtime/out-of-memory", "no memory");
  const code = "train/out-of-memory";
  expect(explainMemory(cause, recipe({ batchSize: 64, microBatch: 16 }))).toMatchObject({
    code,
    cause,
    message: expect.stringMatching(
      /64 images, 16 of them at once.*microBatch: 8 or less in the recipe, or --micro-batch/,
    ) as string,
  });
  expect(explainMemory(cause, recipe({ batchSize: 1 }))).toMatchObject({
    message: expect.stringContaining("smaller") as string,
  });
  const other = new UsageError("x", "y");
  expect(explainMemory(other, recipe())).toBe(other);
});

it("writes timm's columns", () => {
  const epoch = { imagesProcessed: 10, trainTop1: 5, imagesPerSecond: 1 };
  expect(
    summaryCsv([
      { ...epoch, epoch: 1, trainLoss: 2.5, learningRate: 0.1, valLoss: 2, valTop1: 30, valTop5: 80 },
      { ...epoch, epoch: 2, trainLoss: 2, learningRate: 0.01 },
    ]),
  ).toBe("epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n0,2.5,2,30,80,0.1\n1,2,,,,0.01\n");
});
