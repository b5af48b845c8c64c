import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { splitHoldout } from "../../../src/data/index.ts";
import {
  featureStatistics,
  fitHead,
  foldStatistics,
  headObjective,
  standardise,
  type Examples,
  type FitHeadOptions,
  type HeadFit,
  type StrengthTried,
} from "../../../src/train/index.ts";
import { openHeadSession, seededExamples } from "../../support/head-examples.ts";
import { referenceMissing, runReference } from "../../support/reference.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function fit(
  examples: Examples,
  options: FitHeadOptions,
): Promise<{
  readonly tried: readonly StrengthTried[];
  readonly fit: HeadFit;
  readonly logits: readonly number[];
}> {
  const statistics = featureStatistics(examples);
  const standard = standardise(examples, statistics);
  const session = await openHeadSession(standard);
  try {
    const tried: StrengthTried[] = [];
    const running = fitHead(headObjective(session, standard), standard, options);
    for (;;) {
      const next = await running.next();
      if (next.done) {
        const { weight, bias } = foldStatistics(next.value.parameters, examples.numClasses, statistics);
        const logits = Array.from(bias, (offset, k) =>
          examples.features
            .subarray(0, examples.length)
            .reduce((sum, value, j) => sum + value * weight[k * examples.length + j]!, offset),
        );
        return { tried, fit: next.value, logits };
      }
      tried.push(next.value);
    }
  } finally {
    await session.release();
  }
}

const missing = referenceMissing("torch", "numpy");

describe.skipIf(missing)(`a fitted head against PyTorch${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();

  it.each([
    [300, 40, 2, 0.1],
    [300, 400, 7, 0.01],
    [5000, 30, 10, 0.001],
  ])("%i rows, %i features, %i classes, penalty %f", async (rows, length, numClasses, l2) => {
    const examples = seededExamples({ rows, length, numClasses });
    const [features, labels] = [join(folder, "features"), join(folder, "labels")];
    writeFileSync(features, examples.features);
    writeFileSync(labels, examples.labels);
    const expected = runReference(
      "logistic_regression.py",
      [features, labels, length, numClasses, l2].map(String),
    ) as { readonly penalised: number; readonly loss: number; readonly logits: readonly number[] };

    const { fit: found, logits } = await fit(examples, { strengths: [l2], holdout: undefined });
    const squares = found.parameters
      .subarray(0, length * numClasses)
      .reduce((sum, weight) => sum + weight * weight, 0);
    const penalised = found.loss + (l2 / 2) * squares;
    expect(penalised).toBeGreaterThan(expected.penalised * (1 - 1e-6));
    expect(penalised).toBeLessThan(expected.penalised * (1 + 1e-4));
    logits.forEach((logit, k) => expect(logit).toBeCloseTo(expected.logits[k]!, 1));
  });
});

describe("the search for a strength", () => {
  const examples = seededExamples({ rows: 240, length: 200, numClasses: 4 });
  // Wrong labels punish fits that believe them.
  for (let row = 0; row < 240; row += 4) examples.labels[row] = (row / 4) % 4;
  const holdout = splitHoldout(examples.labels, 0.25, 0);

  it("takes the one with the least loss on the images held out", async () => {
    const { tried, fit: found } = await fit(examples, { strengths: [3, 0.3, 0.03, 0.003, 0.0003], holdout });
    const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(found.l2).toBe(best.l2);
    expect(best.l2).toBeGreaterThan(tried.at(-1)!.l2);
    expect(best.l2).toBeLessThan(3);
  });

  it("ends when the loss has risen twice", async () => {
    const { tried } = await fit(examples, { strengths: [1, 0.001, 0.0001, 0.00001, 0.000001], holdout });
    expect(tried).toHaveLength(3);
  });

  it("does not look at the images held out", async () => {
    const labels = examples.labels.slice();
    for (const row of holdout.heldOut) labels[row] = 0;
    const once = await fit(examples, { strengths: [0.1], holdout });
    const wrong = await fit({ ...examples, labels }, { strengths: [0.1], holdout });
    expect(wrong.tried[0]!.loss).toBeGreaterThan(once.tried[0]!.loss * 1.5);
  });
});

describe("features that say nothing", () => {
  it("get no weight", async () => {
    const examples = seededExamples({ rows: 60, length: 5, numClasses: 3 });
    for (let row = 0; row < 60; row++) examples.features[row * 5 + 2] = 7;
    const { fit: found } = await fit(examples, { strengths: [0.1], holdout: undefined });
    expect(found.parameters.subarray(2 * 3, 3 * 3)).toEqual(new Float32Array(3));
  });
});
