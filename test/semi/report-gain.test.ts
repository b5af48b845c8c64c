import { describe, expect, it } from "vitest";
import { stripClasses, stripRanks } from "../../src/semi/report/selection.ts";
import { duration, gain, pairedInterval, plusMinus, spread } from "../../src/semi/report/statistics.ts";
import { runs } from "../support/semi-report-data.ts";

describe("the gain over the baseline", () => {
  it("pairs runs by their seeds, in whatever order they come", () => {
    const student = runs([78.9, 79.6, 79.4]).toReversed();
    const found = gain(runs([75.1, 75.3, 75.2]), student, 5000);
    expect(found).toMatchObject({ verdict: "better", basis: "paired seeds" });
    expect(found.points).toBeCloseTo(4.1, 10);
    expect(found.low).toBeCloseTo(3.4428, 3);
    expect(found.high).toBeCloseTo(4.7572, 3);
  });

  it("takes Welch's interval where the seeds differ", () => {
    const found = gain(runs([75.1, 75.3, 75.2]), runs([75, 76.6, 75.4, 75.9]), 5000);
    expect(found).toMatchObject({ verdict: "unclear", basis: "seeds" });
    // 3.17 degrees of freedom, rounded down.
    expect([found.low, found.high]).toEqual([expect.closeTo(-0.5879, 3), expect.closeTo(1.6379, 3)]);
    expect(gain(runs([75.1, 75.3]), runs([70, 70.1, 70.2]), 5000).verdict).toBe("worse");
  });

  it("sees in single runs no more than their images can show", () => {
    expect(gain(runs([75]), runs([76]), 1000)).toMatchObject({ verdict: "unclear", basis: "images" });
    expect(gain(runs([75]), runs([76]), 100_000)).toMatchObject({ verdict: "better", basis: "images" });
  });

  it("sees in single runs that it knows image by image where they are apart", () => {
    const of = (top1: number, right: string): Parameters<typeof gain>[0] => [{ seed: 0, top1, right }];
    // 900 of 1000 images right in both, 9 and then 1 in one of them alone.
    const same = "1".repeat(900);
    const [baseline, student] = [same + "1" + "0".repeat(99), same + "0" + "1".repeat(9) + "0".repeat(90)];
    const found = gain(of(90.1, baseline), of(90.9, student), 1000);
    expect(found).toMatchObject({ basis: "images", ...pairedInterval(1000, 9, 1), verdict: "better" });
    expect(gain(runs([90.1]), runs([90.9]), 1000).verdict).toBe("unclear");
  });

  it("widens the interval for many seeds by Student's t beyond its table", () => {
    const differences = Array.from({ length: 21 }, (_, index) => (index % 2 === 0 ? 1 : -1));
    const found = gain(runs(differences.map(() => 50)), runs(differences.map((value) => 50 + value)), 1000);
    const { mean, deviation } = spread(differences);
    expect((found.high - mean) / (deviation! / Math.sqrt(21))).toBeCloseTo(2.086, 2);
  });

  it("does not fail on runs that agree to the last digit", () => {
    expect(gain(runs([75, 75]), runs([76, 76, 76]), 1000)).toMatchObject({
      low: 1,
      high: 1,
      verdict: "better",
    });
    expect(gain(runs([75, 75]), runs([75, 75]), 1000)).toMatchObject({ low: 0, high: 0, verdict: "unclear" });
  });
});

describe("figures of the report", () => {
  it("divides the deviation by n - 1, and has none for one run", () => {
    expect(spread([2, 4, 4, 4, 5, 5, 7, 9]).deviation).toBeCloseTo(2.13809, 5);
    expect(plusMinus(spread([79.06, 79.46]))).toBe("79.3 ± 0.3");
    expect(plusMinus(spread([79.06]))).toBe("79.1");
  });

  it.each([
    [0.04, "0.0 s"],
    [59.9, "59.9 s"],
    [59.97, "1 min 0 s"],
    [250, "4 min 10 s"],
    [3599.6, "1 h 0 min"],
    [7500, "2 h 5 min"],
    [200_000, "2 d 8 h"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("shows ranks 1, K/4, K/2 and K as far as images were selected", () => {
    expect(stripRanks(16_000)).toEqual([1, 4000, 8000, 16_000]);
    expect(stripRanks(5000, 16_000)).toEqual([1, 4000, 5000]);
    expect(stripRanks(1, 1)).toEqual([1]);
    expect(stripRanks(2, 2)).toEqual([1, 2]);
    expect(stripRanks(0, 100)).toEqual([]);
  });

  it("shows strips of all classes, or of some from everywhere among many", () => {
    expect(stripClasses(3)).toEqual([0, 1, 2]);
    const many = stripClasses(1000);
    expect(new Set(many).size).toBe(60);
    expect(many.at(-1)).toBeGreaterThan(980);
  });
});
