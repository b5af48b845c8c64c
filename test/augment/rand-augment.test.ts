import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { parseRandAugment, randAugmentPolicy } from "../../src/image/augment/rand-augment-policy.ts";
import {
  drawRandAugment,
  increasingOperations,
  operations,
  type DrawnOperation,
} from "../../src/image/augment/rand-augment.ts";
import { augment, augmentationSchema, imagenetPreprocessing } from "../../src/image/index.ts";
import { noise } from "../image/noise.ts";
import { mean, variance } from "./moments.ts";

/** timm's arguments at magnitudes 0, 5, 9 and 10; operations that go both ways with a positive sign. */
const decreasing: Readonly<Record<string, readonly number[]>> = {
  Rotate: [0, 15, 27, 30],
  Posterize: [0, 2, 3, 4],
  Solarize: [0, 128, 230, 256],
  SolarizeAdd: [0, 55, 99, 110],
  Color: [0.1, 1, 1.72, 1.9],
  Contrast: [0.1, 1, 1.72, 1.9],
  Brightness: [0.1, 1, 1.72, 1.9],
  Sharpness: [0.1, 1, 1.72, 1.9],
  ShearX: [0, 0.15, 0.27, 0.3],
  ShearY: [0, 0.15, 0.27, 0.3],
  TranslateXRel: [0, 0.225, 0.405, 0.45],
  TranslateYRel: [0, 0.225, 0.405, 0.45],
};
const increasing: typeof decreasing = {
  ...decreasing,
  Posterize: [4, 2, 1, 0],
  Solarize: [256, 128, 26, 0],
  Color: [1, 1.45, 1.81, 1.9],
  Contrast: [1, 1.45, 1.81, 1.9],
  Brightness: [1, 1.45, 1.81, 1.9],
  Sharpness: [1, 1.45, 1.81, 1.9],
};

describe.each([
  ["operations", operations, decreasing],
  ["increasing operations", increasingOperations, increasing],
] as const)("%s", (_, table, expected) => {
  it.each(Object.entries(expected))("maps magnitudes to arguments of %s as timm does", (name, values) => {
    const operation = table.find((candidate) => candidate.name === name)!;
    for (const [at, magnitude] of [0, 5, 9, 10].entries()) {
      expect(operation.argument(magnitude / 10, 1)).toBeCloseTo(values[at]!, 12);
    }
  });

  it("has timm's fifteen", () => {
    const names = [...Object.keys(expected), "AutoContrast", "Equalize", "Invert"];
    expect(table.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });
});

describe("signs", () => {
  it("mirrors what goes both ways, and keeps enhancements at 0.1 or above", () => {
    const negative = (name: string, strength: number): number =>
      increasingOperations.find((operation) => operation.name === name)!.argument(strength, -1);
    expect(negative("Rotate", 1)).toBe(-30);
    expect(negative("TranslateXRel", 1)).toBe(-0.45);
    expect(negative("Color", 0.5)).toBeCloseTo(0.55, 12);
    expect(negative("Color", 1.5)).toBe(0.1);
  });
});

describe("parseRandAugment", () => {
  it("reads timm's configurations", () => {
    expect(parseRandAugment("rand-m9-mstd0.5-inc1")).toEqual({
      magnitude: 9,
      magnitudeStd: 0.5,
      magnitudeMax: 10,
      layers: 2,
      increasing: true,
      weighted: false,
    });
    expect(randAugmentPolicy("rand")).toMatchObject({ magnitude: 10, magnitudeStd: 0, increasing: false });
    expect(randAugmentPolicy("rand-mstd101-n3-mmax15")).toMatchObject({
      magnitudeStd: Infinity,
      layers: 3,
      magnitudeMax: 15,
    });
    expect(randAugmentPolicy("rand-w0")).toMatchObject({ weighted: true });
  });

  it.each([
    ["augmix-m3", "begins with"],
    ["rand-x3", '"x3" is no section'],
    ["rand-m", '"m" is no section'],
    ["rand-n2.5", "whole number"],
    ["rand-w0-inc1", "without inc1"],
    ["rand-constructor1", "no section"],
  ])("refuses %s", (config, says) => {
    expect(parseRandAugment(config)).toContain(says);
    expect(() => randAugmentPolicy(config)).toThrow(says);
    expect(augmentationSchema.safeParse({ autoAugment: config }).success).toBe(false);
  });
});

describe("drawRandAugment", () => {
  const draws = 4000;
  const draw = (config: string): (readonly DrawnOperation[])[] => {
    const random = seededRandom(13);
    const policy = randAugmentPolicy(config);
    return Array.from({ length: draws }, () => drawRandAugment(policy, "random", random));
  };

  it("takes two operations, each applied half of the time, all equally often", () => {
    const found = draw("rand-m9-mstd0.5-inc1");
    const applied = found.flat();
    expect(applied.length / draws).toBeCloseTo(1, 1);
    expect(found.filter(({ length }) => length === 2).length / draws).toBeCloseTo(0.25, 1);
    for (const operation of increasingOperations) {
      const count = applied.filter((drawn) => drawn.operation === operation).length;
      expect((count * 15) / applied.length).toBeGreaterThan(0.75);
      expect((count * 15) / applied.length).toBeLessThan(1.25);
    }
    const filters = applied.filter(({ interpolation }) => interpolation === "bicubic").length;
    expect(filters / applied.length).toBeCloseTo(0.5, 1);
  });

  it("draws the magnitude from a normal distribution that ends at 10", () => {
    const angles = (config: string): number[] =>
      draw(config)
        .flat()
        .filter(({ operation }) => operation.name === "Rotate")
        .map(({ argument }) => argument);
    const found = angles("rand-m6-mstd0.5-n8");
    expect(mean(found)).toBeCloseTo(0, -1);
    expect(mean(found.map(Math.abs))).toBeCloseTo(18, 0);
    expect(Math.sqrt(variance(found.map(Math.abs)))).toBeCloseTo(1.5, 0);
    expect(found.filter((angle) => angle > 0).length / found.length).toBeCloseTo(0.5, 1);
    expect(Math.max(...angles("rand-m10-mstd5-n8").map(Math.abs))).toBe(30);
    expect(Math.max(...angles("rand-m10-mstd5-n8-mmax20").map(Math.abs))).toBeGreaterThan(40);
    expect(mean(angles("rand-m10-mstd101-n8").map(Math.abs))).toBeCloseTo(15, -1);
  });

  it("prefers operations by weight, without taking one twice", () => {
    const found = draw("rand-w0-n3");
    const names = found.map((drawn) => drawn.map(({ operation }) => operation.name));
    expect(names.every((taken) => new Set(taken).size === taken.length)).toBe(true);
    const all = names.flat();
    const count = (name: string): number => all.filter((taken) => taken === name).length;
    expect(count("Rotate")).toBeGreaterThan(3 * count("Color"));
    expect(count("Posterize") + count("Invert")).toBe(0);
  });
});

describe("augment with autoAugment", () => {
  it("replaces the colour jitter and fills with the mean colour", () => {
    const augmentation = augmentationSchema.parse({ autoAugment: "rand-m9-mstd0.5-inc1-n6", hflip: 0 });
    const preprocessing = { ...imagenetPreprocessing, inputSize: 48 };
    const random = seededRandom(1);
    const results = Array.from({ length: 40 }, () =>
      augment(noise(60, 60), { preprocessing, augmentation }, random),
    );
    expect(results.every(({ data }) => data.length === 48 * 48 * 3)).toBe(true);
    const filled = results.some(({ data }) => {
      const corners = [0, 47 * 3, 47 * 48 * 3, (48 * 48 - 1) * 3];
      return corners.some((at) => data[at] === 124 && data[at + 1] === 116 && data[at + 2] === 104);
    });
    expect(filled).toBe(true);
  });
});
