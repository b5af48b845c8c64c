import { describe, expect, it } from "vitest";
import { reliabilityMeter } from "../../src/predict/metrics/confidence.ts";
import {
  accuracyMeter,
  confusionMatrix,
  countPrediction,
  rankOf,
} from "../../src/predict/metrics/metrics.ts";
import { reportOfSums, sumsOf, type ReportSums } from "../../src/predict/metrics/report-sums.ts";
import type { ValidationReport } from "../../src/predict/validate.ts";
import { seededRandom } from "../../src/core/index.ts";

const numClasses = 7;
const random = seededRandom(3);
const logits = Array.from({ length: 50 }, () =>
  Array.from({ length: numClasses }, () => 3 * random.normal()),
);

/** What a validation counts of some images. */
function reportOf(images: readonly (readonly number[])[]): ValidationReport {
  const [meter, raw, scaled] = [accuracyMeter(), reliabilityMeter(), reliabilityMeter()];
  const confusion = confusionMatrix(numClasses);
  for (const scores of images) {
    const target = logits.indexOf(scores as number[]) % numClasses;
    meter.add(rankOf(scores, target));
    raw.add(scores, target);
    scaled.add(scores, target, 1.5);
    countPrediction(confusion, target, scores.indexOf(Math.max(...scores)));
  }
  const reliability = { raw: raw.result(), scaled: scaled.result() };
  return {
    ...meter.result(),
    loss: reliability.raw.loss,
    reliability,
    real: undefined,
    confusion,
    failed: 0,
    failures: [],
  };
}

const throughJson = (report: ValidationReport): ReportSums =>
  JSON.parse(JSON.stringify(sumsOf(report))) as ReportSums;

describe("a validation in parts", () => {
  it("adds up to that of all images, empty parts too", () => {
    const parts = [logits.slice(0, 20), [], logits.slice(20, 21), logits.slice(21)].map(reportOf);
    const [first, ...others] = parts.map(throughJson);
    const [found, expected] = [reportOfSums([first!, ...others]), reportOf(logits)];
    expect(found).toMatchObject({ count: 50, top1: expected.top1, top5: expected.top5 });
    expect(found.confusion).toEqual(expected.confusion);
    for (const which of ["raw", "scaled"] as const) {
      const [own, all] = [found.reliability[which]!, expected.reliability[which]!];
      expect(own.loss).toBeCloseTo(all.loss, 12);
      expect(own.calibrationError).toBeCloseTo(all.calibrationError, 10);
      expect(own.bins.map(({ images }) => images)).toEqual(all.bins.map(({ images }) => images));
    }
  });

  it("keeps what is no number", () => {
    logits.push([Number.NaN, ...logits[0]!.slice(1)]);
    const report = reportOf(logits.slice(-1));
    expect(report.reliability.raw.calibrationError).toBeNaN();
    const { loss, reliability } = reportOfSums([throughJson(report), throughJson(reportOf([]))]);
    expect(loss).toBeNaN();
    expect(reliability.raw.calibrationError).toBeNaN();
    expect(reportOfSums([throughJson(reportOf([]))]).top1).toBeNaN();
  });
});
