import { describe, expect, it } from "vitest";
import { styleFor } from "../../src/cli/output/terminal.ts";
import { resultsRow } from "../../src/cli/validate/result-files.ts";
import {
  claimsFor,
  summaryEntry,
  summaryLines,
  type ValidationSummary,
} from "../../src/cli/validate/view.ts";
import { createModel } from "../../src/node/library.ts";
import { confusionMatrix } from "../../src/predict/index.ts";

// Describes the model only: no session is opened.
const model = await createModel("ssl_resnext50_32x4d", { weights: "random" });

const summary: ValidationSummary = {
  model: model.description,
  engine: "onnxruntime",
  numClasses: 1000,
  report: {
    count: 50_000,
    loss: 0.9,
    top1: 80.316,
    top5: 95.386,
    reliability: { raw: { images: 50_000, loss: 0.9, calibrationError: 5.123, bins: [] } },
    real: { count: 46_837, top1: 86.071, top5: 97.205 },
    confusion: confusionMatrix(1000),
    failed: 0,
    failures: [],
  },
  claims: claimsFor(model, undefined),
};

describe("validation summary", () => {
  it("stands next to the claims", () => {
    expect(summaryLines(summary, styleFor(false, {}))).toEqual([
      "accuracy                             top-1     top-5  images",
      "measured                          80.316 %  95.386 %  50,000",
      "measured, ReaL labels             86.071 %  97.205 %  46,837",
      "claimed by the card, on ImageNet  80.300 %  95.410 %",
      "claimed by timm, on ImageNet      80.316 %  95.386 %",
      "log loss 0.9000, expected calibration error 5.12 %",
    ]);
  });

  it("counts where images are few, and has no top-5 of five classes", () => {
    const report = { ...summary.report, real: undefined, count: 7, top1: 300 / 7 };
    const few = { ...summary, numClasses: 5, report, claims: [] };
    expect(summaryLines(few, styleFor(false, {}))).toEqual([
      "accuracy   top-1  images",
      "measured  3 of 7       7",
      "log loss 0.9000, expected calibration error 5.12 %",
    ]);
  });

  it("says how sure the model is at the temperature of its file, and what was fitted", () => {
    const fittedTo = "100 images in 5-fold cross-validation";
    const confidence = { temperature: 1.5, unknownBelow: 0.4, fittedTo };
    const scaled = { images: 50_000, loss: 0.85, calibrationError: 2, bins: [] };
    const { report } = summary;
    const sure = {
      ...summary,
      model: { ...model.description, confidence },
      report: { ...report, reliability: { ...report.reliability, scaled } },
      fitted: {
        file: "sure.safetensors",
        confidence: {
          temperature: 1.6,
          unknownBelow: 0.45,
          fittedTo: "50000 images, val",
          calibrationError: { raw: 5.12, scaled: 1.9 },
        },
      },
    };
    expect(summaryLines(sure, styleFor(false, {})).slice(-3)).toEqual([
      "log loss 0.9000, expected calibration error 5.12 %",
      "at temperature 1.5: log loss 0.8500, expected calibration error 2.00 %",
      "sure.safetensors: temperature 1.6, fitted to 50000 images, val: calibration error 5.1 % without it, 1.9 % with it; suggested --unknown-below 0.45",
    ]);
    expect(summaryEntry(sure)).toMatchObject({
      loss: 0.9,
      calibrationError: 5.123,
      scaled: { temperature: 1.5, loss: 0.85, calibrationError: 2 },
      fitted: { file: "sure.safetensors", temperature: 1.6, unknownBelow: 0.45, calibrationError: 1.9 },
    });
  });

  it("is a row of timm's with the claim beside it", () => {
    expect(Object.values(resultsRow(summary))).toEqual([
      "ssl_resnext50_32x4d",
      "80.316",
      "19.684",
      "95.386",
      "4.614",
      "25.03",
      224,
      0.875,
      "bilinear",
      "80.300",
      "95.410",
    ]);
  });

  it("has numbers in JSON", () => {
    expect(summaryEntry(summary)).toMatchObject({
      top1: 80.316,
      top5: 95.386,
      real: { top1: 86.071 },
      claims: [{ source: "the card, on ImageNet", top1: 80.3, top5: 95.41 }, { top1: 80.316 }],
    });
  });

  it("claims what was measured on the same data only", () => {
    const top1 = (subset: string): number[] => claimsFor(model, subset).map(({ accuracy }) => accuracy[0]);
    expect(top1("imagenet-a")).toEqual([19.693]);
    expect(top1("imagenet-r")).toEqual([45.37]);
    expect(top1("my-classes.txt")).toEqual([]);
  });
});
