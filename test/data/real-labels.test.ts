import { describe, expect, it } from "vitest";
import { parseRealLabels } from "../../src/data/index.ts";

describe("parseRealLabels", () => {
  it("finds the labels of an image by the number in its name", () => {
    const real = parseRealLabels("[[1, 999], [], [3]]", "real.json");
    expect(real.size).toBe(3);
    expect(real.labelsOf("val/n01440764/ILSVRC2012_val_00000001.JPEG")).toEqual([1, 999]);
    expect(real.labelsOf("ILSVRC2012_val_00000002")).toEqual([]);
  });

  it.each([
    "dog.jpg",
    "ILSVRC2012_val_00000000.JPEG",
    "ILSVRC2012_val_00000004.JPEG",
    "xILSVRC2012_val_00000001.JPEG",
  ])("refuses the id %s", (id) => {
    const real = parseRealLabels("[[1], [2], [3]]", "real.json");
    expect(() => real.labelsOf(id)).toThrow(
      expect.objectContaining({ name: "DataError", code: "data/real-id" }) as Error,
    );
  });

  it.each(["", "{}", "3", "[1]", "[[1000]]", "[[-1]]", "[[0.5]]", '[["1"]]', "[[1], null]"])(
    "refuses %j",
    (text) => {
      expect(() => parseRealLabels(text, "real.json")).toThrow(
        expect.objectContaining({ name: "DataError", code: "data/real-labels" }) as Error,
      );
    },
  );
});
