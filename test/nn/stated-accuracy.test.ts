import { describe, expect, it } from "vitest";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import {
  provenanceOfAccuracy,
  resnetConfig,
  statedAccuracy,
  withoutAccuracy,
  type ModelDescription,
} from "../../src/nn/index.ts";

const describing = (provenance: ModelDescription["provenance"]): ModelDescription => ({
  name: "mine",
  config: resnetConfig(),
  classes: [],
  preprocessing: imagenetPreprocessing,
  provenance,
});

describe("statedAccuracy", () => {
  const stated = { accuracy: [91.38, 99.5], testSet: "my test images" } as const;
  const provenance = { recipe: "quick", ...provenanceOfAccuracy(stated) };

  it("reads what was written", () => {
    expect(provenance).toEqual({
      recipe: "quick",
      top1: "91.38",
      top5: "99.50",
      "test set": "my test images",
    });
    expect(statedAccuracy(describing(provenance))).toEqual(stated);
  });

  it.each([{}, { ...provenance, top1: "high" }, { top1: "91.38", top5: "99.50" }])(
    "is nothing for %j",
    (given) => {
      expect(statedAccuracy(describing(given))).toBeUndefined();
    },
  );

  it("is left out of the provenance of other weights", () => {
    expect(withoutAccuracy(provenance)).toEqual({ recipe: "quick" });
  });
});
