import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/core/index.ts";
import { imagenetPreprocessing, normalise, parsePreprocessing } from "../../src/image/index.ts";

describe("parsePreprocessing", () => {
  it("takes what a checkpoint's metadata carries", () => {
    const cifar = { ...imagenetPreprocessing, inputSize: 32, cropPct: 1, interpolation: "bicubic" };
    for (const value of [imagenetPreprocessing, cifar]) {
      expect(parsePreprocessing(JSON.parse(JSON.stringify(value)))).toEqual(value);
    }
  });

  it.each([
    ["no object", null, /object/],
    ["a missing field", { ...imagenetPreprocessing, mean: undefined }, /mean/],
    ["an unknown field", { ...imagenetPreprocessing, colour: "bgr" }, /colour/],
    ["a size of zero", { ...imagenetPreprocessing, inputSize: 0 }, /inputSize/],
    ["a crop of zero", { ...imagenetPreprocessing, cropPct: 0 }, /cropPct/],
    ["an unknown filter", { ...imagenetPreprocessing, interpolation: "nearest" }, /interpolation/],
    ["a deviation of zero", { ...imagenetPreprocessing, std: [0.2, 0, 0.2] }, /std/],
    ["two channels", { ...imagenetPreprocessing, mean: [0.5, 0.5] }, /mean/],
    ["NaN", { ...imagenetPreprocessing, mean: [0.5, Number.NaN, 0.5] }, /mean/],
  ])("refuses %s", (_, value, message) => {
    expect(() => parsePreprocessing(value)).toThrow(ImageError);
    expect(() => parsePreprocessing(value)).toThrow(message);
  });
});

describe("normalise", () => {
  const pixel = { width: 1, height: 1, data: Uint8Array.of(0, 128, 255) };

  it("writes planes at the offset and nothing else", () => {
    const out = new Float32Array(8).fill(7);
    normalise(
      { width: 2, height: 1, data: Uint8Array.of(0, 1, 2, 255, 254, 253) },
      { mean: [0, 0, 0], std: [1, 1, 1] },
      out,
      1,
    );
    const bytes = [...out].slice(1, 7).map((value) => Math.round(value * 255));
    expect(bytes).toEqual([0, 255, 1, 254, 2, 253]);
    expect([out[0], out[7]]).toEqual([7, 7]);
  });

  it("refuses an array that is too small", () => {
    expect(() => normalise(pixel, imagenetPreprocessing, new Float32Array(3), 1)).toThrow(RangeError);
  });
});
