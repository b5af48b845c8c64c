import { describe, expect, it } from "vitest";
import { learningRateAt, resolveRecipe, type ScheduleOptions } from "../../../src/train/index.ts";
import { hasTorch, runReference } from "../../support/torch.ts";

const recipe = (values: Readonly<Record<string, unknown>>): ScheduleOptions =>
  resolveRecipe([{ name: "test", values }]);

describe("learning rates of the built-in recipes", () => {
  it.each([
    // Scaled to batch 32: 0.0015 · 32 / 1536, dropped after each quarter.
    ["card-finetune", {}, 0, 3.125e-5],
    ["card-finetune", {}, 0.2499, 3.125e-5],
    ["card-finetune", {}, 0.25, 3.125e-6],
    ["card-finetune", {}, 0.5, 3.125e-7],
    ["card-finetune", {}, 0.99, 3.125e-8],
    ["card-finetune", { batchSize: 1536 }, 0, 0.0015],
    ["paper-pretrain", { batchSize: 1536 }, 0, 0.1],
    ["paper-pretrain", { batchSize: 1536 }, 0.0032, 0.35],
    ["paper-pretrain", { batchSize: 1536 }, 0.0064, 0.6],
    ["paper-pretrain", { batchSize: 1536 }, 1 / 14, 0.3],
    ["paper-pretrain", { batchSize: 1536 }, 13 / 14, 0.6 / 8192],
    ["paper-pretrain", { batchSize: 256 }, 0, 0.1 / 6],
    ["supervised", {}, 29 / 90, 0.1],
    ["supervised", {}, 30 / 90, 0.01],
    ["supervised", {}, 60 / 90, 0.001],
    ["supervised", { batchSize: 64 }, 0, 0.025],
    ["quick", {}, 0, 0],
    ["quick", {}, 0.025, 0.00625],
    ["quick", {}, 0.05, 0.0125],
    ["quick", {}, 0.525, 0.00625],
  ])("%s with %j at %d: %d", (base, values, progress, expected) => {
    expect(learningRateAt(recipe({ base, ...values }), progress)).toBeCloseTo(expected, 12);
  });

  it("stay as they are without a reference batch, and constant when asked for", () => {
    const options = recipe({
      epochs: 1,
      referenceBatch: null,
      batchSize: 7,
      schedule: "constant",
      warmUp: 0,
    });
    expect([0, 0.5, 0.999].map((progress) => learningRateAt(options, progress))).toEqual([0.1, 0.1, 0.1]);
  });
});

describe.skipIf(!hasTorch)("learning rates beside torch's schedulers", () => {
  const shared = { learningRate: 0.4, referenceBatch: null, warmUp: 0 };
  const cases: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    step: { schedule: "step", drops: 2, dropFactor: 0.1 },
    halving: { schedule: "halving", drops: 3 },
    multistep: { schedule: "multistep", milestones: [0.5, 0.75], dropFactor: 0.2 },
    cosine: { schedule: "cosine", finalFactor: 0.05 },
    "warm cosine": { schedule: "cosine", warmUp: 0.2, warmUpStart: 0.1 },
  };
  const torch = hasTorch ? (JSON.parse(runReference("schedules.py")) as Record<string, number[]>) : {};

  it.each(Object.entries(cases))("%s", (name, values) => {
    const options = recipe({ ...shared, ...values });
    const expected = torch[name]!;
    expect(expected.length).toBe(60);
    for (const [step, rate] of expected.entries()) {
      expect(learningRateAt(options, step / 60), `step ${step}`).toBeCloseTo(rate, 9);
    }
  });
});
