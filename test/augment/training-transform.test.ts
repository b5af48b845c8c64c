import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { adjustColors } from "../../src/image/augment/adjust-colors.ts";
import { flipHorizontally } from "../../src/image/augment/geometric-transforms.ts";
import { drawColorJitter } from "../../src/image/augment/random-transforms.ts";
import {
  augment,
  augmentationSchema,
  defaultAugmentation,
  imagenetPreprocessing,
  normalise,
  trainingTransform,
  type AugmentationOptions,
} from "../../src/image/index.ts";
import { noise } from "../image/noise.ts";

const preprocessing = { ...imagenetPreprocessing, inputSize: 32 };
const still: AugmentationOptions = {
  ...defaultAugmentation,
  crop: "random",
  padding: 0,
  hflip: 0,
  colorJitter: null,
};

function transformed(options: AugmentationOptions, seed: number, image = noise(50, 40)): Float32Array {
  const out = new Float32Array(3 * 32 * 32);
  trainingTransform(image, { preprocessing, augmentation: options }, seededRandom(seed), out);
  return out;
}

describe("trainingTransform", () => {
  it("is a function of the seed", () => {
    const options = { ...defaultAugmentation, reProb: 0.5 };
    expect(transformed(options, 1)).toEqual(transformed(options, 1));
    expect(transformed(options, 1)).not.toEqual(transformed(options, 2));
  });

  it("only normalises when everything is off and the size fits", () => {
    const image = noise(32, 32);
    const expected = new Float32Array(3 * 32 * 32);
    normalise(image, preprocessing, expected);
    expect(transformed(still, 1, image)).toEqual(expected);
  });

  it.each([null, "rand-m9-n2"])("normalises what augment gives, with RandAugment %s", (autoAugment) => {
    const options = { preprocessing, augmentation: { ...defaultAugmentation, vflip: 0.5, autoAugment } };
    for (let seed = 0; seed < 40; seed++) {
      const expected = new Float32Array(3 * 32 * 32);
      normalise(augment(noise(50, 40), options, seededRandom(seed)), preprocessing, expected);
      expect(transformed(options.augmentation, seed)).toEqual(expected);
    }
  });

  it("changes colours alike before and after a flip", () => {
    const random = seededRandom(2);
    for (let round = 0; round < 12; round++) {
      const image = noise(37 + round, 23);
      const jitter = drawColorJitter([0.4, 0.4, 0.4, 0.2], random);
      expect(flipHorizontally(adjustColors(image, jitter))).toEqual(
        adjustColors(flipHorizontally(image), jitter),
      );
    }
  });

  it("writes its image of a batch and nothing else", () => {
    const out = new Float32Array(3 * 3 * 32 * 32).fill(7);
    const options = { preprocessing, augmentation: { ...defaultAugmentation, reProb: 1 } };
    trainingTransform(noise(50, 40), options, seededRandom(1), out, 3 * 32 * 32);
    const at = (image: number): Float32Array => out.subarray(image * 3072, (image + 1) * 3072);
    expect(at(0).every((value) => value === 7)).toBe(true);
    expect(at(1).some((value) => value === 7)).toBe(false);
    expect(at(2).every((value) => value === 7)).toBe(true);
  });

  it("gives the input size for images of every size", () => {
    for (const crop of ["random", "random-resized"] as const) {
      for (const [width, height] of [
        [1, 1],
        [1, 90],
        [90, 1],
        [32, 32],
        [33, 200],
      ] as const) {
        const options = { preprocessing, augmentation: { ...defaultAugmentation, crop } };
        const { data } = augment(noise(width, height), options, seededRandom(width));
        expect(data.length).toBe(32 * 32 * 3);
      }
    }
  });

  it("moves a padded random crop over all positions", () => {
    const image = noise(32, 32);
    const seen = new Set<string>();
    const random = seededRandom(4);
    for (let i = 0; i < 2000; i++) {
      const options = { preprocessing, augmentation: { ...still, padding: 2 } };
      seen.add(augment(image, options, random).data.join());
    }
    expect(seen.size).toBe(5 * 5);
  });

  it("flips as often as it is asked to", () => {
    const image = noise(32, 32);
    const plain = image.data.join();
    const random = seededRandom(4);
    const unchanged = Array.from({ length: 1000 }, () =>
      augment(image, { preprocessing, augmentation: { ...still, hflip: 0.3 } }, random),
    ).filter(({ data }) => data.join() === plain).length;
    expect(unchanged / 1000).toBeCloseTo(0.7, 1);
  });
});

describe("augmentationSchema", () => {
  it("has timm's defaults", () => {
    expect(defaultAugmentation).toMatchObject({
      scale: [0.08, 1],
      ratio: [3 / 4, 4 / 3],
      interpolation: "random",
      hflip: 0.5,
      vflip: 0,
      colorJitter: 0.4,
      reProb: 0,
    });
  });

  it.each([
    { scale: [1, 0.08] },
    { hflip: 1.5 },
    { colorJitter: [0.4, 0.4] },
    { colorJitter: [0.4, 0.4, 0.4, 0.9] },
    { reCount: 0 },
    { rotation: 30 },
  ])("refuses %j", (options) => {
    expect(augmentationSchema.safeParse(options).success).toBe(false);
  });
});
