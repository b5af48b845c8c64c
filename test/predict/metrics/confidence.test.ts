import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/core/index.ts";
import {
  answerSample,
  fitConfidence,
  reliabilityMeter,
  type JudgedAnswer,
} from "../../../src/predict/metrics/confidence.ts";
import { softmax } from "../../../src/predict/metrics/metrics.ts";
import { referenceMissing, runReference } from "../../support/reference.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const folder = temporaryFolder();
const numClasses = 4;

/** Answers of a model that gives `sharpness` times the logits of the probabilities by which its images are drawn. */
function answersOf(images: number, sharpness: number, seed = 1): readonly JudgedAnswer[] {
  const random = seededRandom(seed);
  return Array.from({ length: images }, () => {
    const honest = Float32Array.from({ length: numClasses }, () => 1.5 * random.normal());
    const probabilities = softmax(honest);
    let left = random.uniform();
    let target = 0;
    while (target < numClasses - 1 && left > probabilities[target]!) left -= probabilities[target++]!;
    return { logits: honest.map((logit) => sharpness * logit), target };
  });
}

describe("a temperature", () => {
  const missing = referenceMissing("torch", "numpy");
  it.skipIf(missing !== undefined)(
    `and both calibration errors are PyTorch's${missing === undefined ? "" : ` (${missing})`}`,
    () => {
      for (const sharpness of [3, 0.4]) {
        const answers = answersOf(2000, sharpness);
        const [logits, labels] = [join(folder, "logits"), join(folder, "labels")];
        writeFileSync(logits, Float32Array.from(answers.flatMap((answer) => Array.from(answer.logits))));
        writeFileSync(
          labels,
          Int32Array.from(answers, ({ target }) => target),
        );
        const expected = runReference("temperature.py", [logits, labels, `${numClasses}`]) as {
          readonly temperature: number;
          readonly raw: { readonly loss: number; readonly calibrationError: number };
          readonly scaled: { readonly loss: number; readonly calibrationError: number };
        };
        const { confidence, reliability } = fitConfidence(answers, "2,000 images");
        expect(confidence!.temperature / expected.temperature).toBeCloseTo(1, 3);
        expect(reliability.raw.loss).toBeCloseTo(expected.raw.loss, 5);
        expect(reliability.raw.calibrationError).toBeCloseTo(expected.raw.calibrationError, 2);
        const meter = reliabilityMeter();
        for (const answer of answers) meter.add(answer.logits, answer.target, expected.temperature);
        expect(meter.result().loss).toBeCloseTo(expected.scaled.loss, 5);
        expect(meter.result().calibrationError).toBeCloseTo(expected.scaled.calibrationError, 2);
      }
    },
  );

  it("makes probabilities of other images as often right as they say", () => {
    const { confidence } = fitConfidence(answersOf(2000, 3), "2,000 images");
    const [raw, scaled] = [reliabilityMeter(), reliabilityMeter()];
    for (const { logits, target } of answersOf(20_000, 3, 2)) {
      raw.add(logits, target);
      scaled.add(logits, target, confidence!.temperature);
    }
    expect(raw.result().calibrationError).toBeGreaterThan(15);
    expect(scaled.result().calibrationError).toBeLessThan(2);
  });

  it("is not measured on what it was fitted to", () => {
    const answers = answersOf(150, 3);
    const { confidence, reliability } = fitConfidence(answers, "150 images");
    const seen = reliabilityMeter();
    for (const { logits, target } of answers) seen.add(logits, target, confidence!.temperature);
    expect(reliability.scaled!.loss).toBeGreaterThan(seen.result().loss);
    expect(confidence!.calibrationError!.scaled).toBeCloseTo(reliability.scaled!.calibrationError, 2);
  });

  it("comes with a value that 95 % of the right answers reach", () => {
    const answers = answersOf(2000, 2);
    const { temperature, unknownBelow } = fitConfidence(answers, "2,000 images").confidence!;
    const right = answers.flatMap(({ logits, target }) => {
      const probabilities = softmax(logits, temperature);
      return probabilities[target] === Math.max(...probabilities) ? [probabilities[target]] : [];
    });
    const reach = (least: number): number => right.filter((one) => one >= least).length / right.length;
    expect(reach(unknownBelow)).toBeGreaterThanOrEqual(0.95);
    expect(reach(unknownBelow + 0.01)).toBeLessThan(0.95);
  });

  it.each([
    [
      answersOf(99, 3),
      "99 images are too few to tell how sure the model is, that had no part in its training; 100 are needed",
    ],
    [
      [],
      "0 images are too few to tell how sure the model is, that had no part in its training; 100 are needed",
    ],
    [
      answersOf(200, 3).map(({ logits }) => ({ logits, target: bestOf(logits) })),
      "0 wrong answers are too few among 200 to tell how sure the model is; 5 are needed",
    ],
    [
      answersOf(200, 3).map(({ logits }, at) => ({
        logits,
        target: (bestOf(logits) + (at === 0 ? 0 : 1)) % numClasses,
      })),
      "1 right answer is too few among 200 to tell how sure the model is; 5 are needed",
    ],
    [
      answersOf(200, 3).map(({ target }) => ({ logits: [1, 2, NaN, 0], target })),
      "its logits are no finite numbers",
    ],
  ])("says why it is not fitted, and measures all the same", (answers, reason) => {
    const fit = fitConfidence(answers, "images");
    expect(fit).toMatchObject({ reason, reliability: { raw: { images: answers.length } } });
    expect(fit.confidence).toBeUndefined();
  });
});

const bestOf = (logits: ArrayLike<number>): number =>
  Array.from(logits).indexOf(Math.max(...Array.from(logits)));

describe("bins of probability", () => {
  it("hold their upper end, and what is no number makes the error none", () => {
    const meter = reliabilityMeter();
    meter.add([0, 0], 0);
    meter.add([1000, 0], 0);
    const { bins, images } = meter.result();
    expect(images).toBe(2);
    expect(bins.map((bin) => bin.images)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
    meter.add([NaN, 0], 0);
    expect(meter.result().calibrationError).toBeNaN();
  });
});

describe("a sample of answers", () => {
  it("keeps all of few, and of many some that are evenly spread", () => {
    const sample = answerSample();
    for (let target = 0; target < 35_000; target++) sample.add({ logits: [0, 1], target });
    const targets = sample.answers.map(({ target }) => target);
    expect(targets.length).toBeGreaterThan(4000);
    expect(targets.length).toBeLessThanOrEqual(10_000);
    const gaps = new Set(targets.slice(1).map((target, at) => target - targets[at]!));
    expect(gaps.size).toBe(1);
    expect(targets.at(-1)).toBeGreaterThan(34_000);
  });
});
