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
  type RgbImage,
} from "../../src/image/index.ts";
import { noise } from "../image/noise.ts";
import { sha256 } from "../support/sha256.ts";

const preprocessing = { ...imagenetPreprocessing, inputSize: 32 };
const still: AugmentationOptions = {
  ...defaultAugmentation,
  crop: "random",
  padding: 0,
  hflip: 0,
  colorJitter: null,
};

/** Every change of colours by chance. */
const often: Partial<AugmentationOptions> = {
  colorJitterProb: 0.8,
  grayscaleProb: 0.4,
  gaussianBlurProb: 0.5,
  augmentProb: 0.7,
};

function transformed(options: AugmentationOptions, seed: number, image = noise(50, 40)): Float32Array {
  const out = new Float32Array(3 * 32 * 32);
  trainingTransform(image, { preprocessing, augmentation: options }, seededRandom(seed), out);
  return out;
}

const sameBytes = (a: Float32Array, b: Float32Array): boolean => a.every((value, i) => value === b[i]);

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

  it.each<Partial<AugmentationOptions>>([
    {},
    { autoAugment: "rand-m9-n2" },
    often,
    { ...often, autoAugment: "rand-m9-n2" },
  ])("normalises what augment gives, with %j", (given) => {
    const options = { preprocessing, augmentation: { ...defaultAugmentation, vflip: 0.5, ...given } };
    for (let seed = 0; seed < 40; seed++) {
      const expected = new Float32Array(3 * 32 * 32);
      normalise(augment(noise(50, 40), options, seededRandom(seed)), preprocessing, expected);
      expect(transformed(options.augmentation, seed)).toEqual(expected);
    }
  });

  // The hashes are those of the transform as it was before it had probabilities of jitter, grey, blur, and of them all,
  // resized in the order of Pillow 13.
  it.each([
    [{}, "cd24f4bc82f3f312c3e63764c280a972d8d7f5fa905fd9fb02421851992550bc"],
    [{ reProb: 0.5, reMode: "pixel" }, "c5ccc9e42ff30ac3a6b8ccc04a03e6713cb098da7ba1c37bd4a1ee095f5b8c83"],
    [
      { autoAugment: "rand-m9-mstd0.5-inc1", reProb: 0.25 },
      "3d86429551cd99a5ac26687a337489db9c63ecff334355fef0cbf42c9b808e96",
    ],
    [
      { crop: "random", vflip: 0.5, colorJitter: [0.4, 0.4, 0.4, 0.1] },
      "08e3d60fea4de1d38d39c3847d802e0103fd83c7a65c05fe65c65fdab92d0bbf",
    ],
    [{ colorJitter: null, reProb: 1 }, "2d47cc537c04af697700fc703eb25e453629677f5a4e80246b0eb8dfecff38c5"],
  ])("gives the seeds of a recipe without these values the images they had: %j", (given, hash) => {
    const augmentation = augmentationSchema.parse(given);
    const out = new Float32Array(20 * 3072);
    for (let seed = 0; seed < 20; seed++) out.set(transformed(augmentation, seed), seed * 3072);
    expect(sha256(new Uint8Array(out.buffer))).toBe(hash);
  });

  it.each([{}, { autoAugment: "rand-m9-n2" }])(
    "only crops and flips without augmentProb, beside %j",
    (given) => {
      const plain = augmentationSchema.parse({ colorJitter: null });
      const strong = augmentationSchema.parse({ ...given, grayscaleProb: 1, gaussianBlurProb: 1, reProb: 1 });
      for (let seed = 0; seed < 20; seed++) {
        expect(transformed({ ...strong, augmentProb: 0 }, seed)).toEqual(transformed(plain, seed));
      }
    },
  );

  it("changes the share of the images that augmentProb gives, and crops them all alike", () => {
    const plain = augmentationSchema.parse({ colorJitter: null });
    const half = augmentationSchema.parse({ augmentProb: 0.5 });
    const seeds = Array.from({ length: 400 }, (_, seed) => seed);
    const same = seeds.filter((seed) => sameBytes(transformed(half, seed), transformed(plain, seed)));
    expect(same.length / seeds.length).toBeCloseTo(0.5, 1);
  });

  it("jitters the share of the images that colorJitterProb gives", () => {
    const plain = augmentationSchema.parse({ colorJitter: null });
    const some = augmentationSchema.parse({ colorJitterProb: 0.8 });
    const seeds = Array.from({ length: 400 }, (_, seed) => seed);
    const same = seeds.filter((seed) => sameBytes(transformed(some, seed), transformed(plain, seed)));
    expect(same.length / seeds.length).toBeCloseTo(0.2, 1);
    expect(transformed({ ...some, colorJitterProb: 0 }, 1)).toEqual(transformed(plain, 1));
  });

  it.each([null, "rand-m9-n2"])(
    "makes images grey after jitter or RandAugment %s, then blurs",
    (autoAugment) => {
      const options = (values: Partial<AugmentationOptions>): Parameters<typeof augment>[1] => ({
        preprocessing,
        augmentation: { ...defaultAugmentation, autoAugment, ...values },
      });
      let changed = 0;
      for (let seed = 0; seed < 20; seed++) {
        const of = (values: Partial<AugmentationOptions>): RgbImage =>
          augment(noise(50, 40), options(values), seededRandom(seed));
        const grey = adjustColors(of({}), [{ property: "saturation", factor: 0 }]);
        expect(of({ grayscaleProb: 1 })).toEqual(grey);
        const blurred = of({ grayscaleProb: 1, gaussianBlurProb: 1 }).data;
        if (!Buffer.from(blurred).equals(grey.data)) changed++;
        expect(blurred.every((byte, i) => byte === blurred[i - (i % 3)])).toBe(true);
      }
      // A sigma near 0.1 leaves the bytes as they are.
      expect(changed).toBeGreaterThan(14);
    },
  );

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
      colorJitterProb: 1,
      grayscaleProb: 0,
      gaussianBlurProb: 0,
      augmentProb: 1,
      reProb: 0,
    });
  });

  it.each([
    { scale: [1, 0.08] },
    { hflip: 1.5 },
    { grayscaleProb: -0.1 },
    { gaussianBlurProb: 2 },
    { augmentProb: null },
    { colorJitter: [0.4, 0.4] },
    { colorJitter: [0.4, 0.4, 0.4, 0.9] },
    { reCount: 0 },
    { rotation: 30 },
  ])("refuses %j", (options) => {
    expect(augmentationSchema.safeParse(options).success).toBe(false);
  });
});
