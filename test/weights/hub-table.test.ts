import { describe, expect, it } from "vitest";
import { backOff, defaultHubTiming } from "../../src/weights/hub/hub-events.ts";
import { findWeightFile, pretrainedNames, weightFiles } from "../../src/weights/hub/index.ts";
import { parseContentRange, parseRetryAfter } from "../../src/weights/hub/transfer.ts";

describe("the table of weight files", () => {
  it("has the twelve models, each with its checksum in its file name", () => {
    expect(pretrainedNames).toHaveLength(12);
    for (const { file, sha256Prefix } of Object.values(weightFiles)) {
      expect(sha256Prefix).toMatch(/^[0-9a-f]{8}$/);
      expect(file.endsWith(`-${sha256Prefix}.pth`)).toBe(true);
    }
    expect(new Set(Object.values(weightFiles).map(({ file }) => file)).size).toBe(12);
  });

  it("is found by name and by timm tag", () => {
    const { timmTag } = weightFiles.swsl_resnext101_32x8d;
    expect(timmTag).toBe("resnext101_32x8d.fb_swsl_ig1b_ft_in1k");
    expect(findWeightFile(timmTag)).toBe(findWeightFile("swsl_resnext101_32x8d"));
  });
});

describe("back-off", () => {
  it("doubles up to its cap, less up to a half", () => {
    const delays = (random: number): number[] =>
      [0, 1, 2, 10].map((attempt) => backOff(attempt, defaultHubTiming, () => random));
    expect(delays(0)).toEqual([500, 1000, 2000, 30_000]);
    expect(delays(0.5)).toEqual([375, 750, 1500, 22_500]);
  });
});

describe("headers", () => {
  it("Retry-After is seconds or a date", () => {
    expect(parseRetryAfter("120")).toBe(120_000);
    const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");
    expect(parseRetryAfter("Wed, 21 Oct 2015 07:28:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Wed, 21 Oct 2015 07:27:30 GMT", now)).toBe(0);
    expect(parseRetryAfter("soon")).toBeUndefined();
    expect(parseRetryAfter(null)).toBeUndefined();
  });

  it("Content-Range names a start, a length, or neither", () => {
    expect(parseContentRange("bytes 5-9/10")).toEqual({ start: 5, total: 10 });
    expect(parseContentRange("bytes 5-9/*")).toEqual({ start: 5, total: undefined });
    expect(parseContentRange("bytes */10")).toEqual({ start: undefined, total: 10 });
    expect(parseContentRange("lines 1-2/3")).toBeUndefined();
    expect(parseContentRange(null)).toBeUndefined();
  });
});
