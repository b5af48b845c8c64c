import { describe, expect, it } from "vitest";
import { ImageError, seededRandom } from "../../src/core/index.ts";
import { flipHorizontally } from "../../src/image/augment/geometric-transforms.ts";
import {
  imagenetPreprocessing,
  normalise,
  parsePreprocessing,
  type Preprocessing,
  type RgbImage,
} from "../../src/image/index.ts";
import { noise } from "./noise.ts";

describe("parsePreprocessing", () => {
  it("takes what a checkpoint's metadata carries", () => {
    const cifar = { ...imagenetPreprocessing, inputSize: 32, cropPct: 1, interpolation: "bicubic" };
    for (const value of [imagenetPreprocessing, cifar]) {
      expect(parsePreprocessing(JSON.parse(JSON.stringify(value)))).toEqual(value);
    }
  });

  it.each([
    ["no object", null, /expected values by name, got null/],
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

  const sizes = [
    [1, 1],
    [2, 3],
    [3, 2],
    [4, 1],
    [5, 7],
    [17, 13],
    [64, 5],
    [131, 160],
    [224, 224],
    [9001, 3],
  ] as const;

  it.each(sizes)("of %i x %i pixels, mirrored or not, has the bits of the formula", (width, height) => {
    const image = noise(width, height);
    for (const mirrored of [false, true]) {
      const out = new Float32Array(3 * width * height);
      normalise(image, imagenetPreprocessing, out, 0, mirrored);
      const expected = normalised(mirrored ? flipHorizontally(image) : image, imagenetPreprocessing);
      expect(bitsOf(out).equals(bitsOf(expected))).toBe(true);
    }
  });

  it("has the bits of the formula for every byte, and whatever the mean and the deviation", () => {
    const image = { width: 256, height: 1, data: Uint8Array.from({ length: 768 }, (_, i) => i / 3) };
    const random = seededRandom(5);
    for (let round = 0; round < 200; round++) {
      const draw = (): number => random.uniform() * 2;
      const preprocessing = { mean: [draw(), draw(), 0], std: [draw() + 1e-3, 1, draw() + 1e-3] } as const;
      const out = new Float32Array(768);
      normalise(image, preprocessing, out);
      expect(bitsOf(out).equals(bitsOf(normalised(image, preprocessing)))).toBe(true);
    }
  });

  it("refuses an array that is too small", () => {
    expect(() => normalise(pixel, imagenetPreprocessing, new Float32Array(3), 1)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "image/output-too-small" }),
    );
  });
});

const { fround } = Math;

/** ToTensor and Normalize in float32, one value after another. */
function normalised(
  { width, height, data }: RgbImage,
  { mean, std }: Pick<Preprocessing, "mean" | "std">,
): Float32Array {
  const plane = width * height;
  return Float32Array.from({ length: 3 * plane }, (_, i) => {
    const channel = Math.floor(i / plane) as 0 | 1 | 2;
    const scaled = fround(data[3 * (i % plane) + channel]! / 255);
    return fround(fround(scaled - fround(mean[channel])) / fround(std[channel]));
  });
}

const bitsOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
