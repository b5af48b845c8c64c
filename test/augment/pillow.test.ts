import { beforeAll, describe, expect, it } from "vitest";
import { adjustColors, type ColorAdjustment } from "../../src/image/augment/adjust-colors.ts";
import { crop, flipHorizontally, flipVertically } from "../../src/image/augment/geometric-transforms.ts";
import { seededRandom } from "../../src/core/index.ts";
import { operations } from "../../src/image/augment/rand-augment.ts";
import { blurKernelSize, drawGrayscale, gaussianBlur } from "../../src/image/augment/random-transforms.ts";
import { resize, type RgbImage } from "../../src/image/index.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { sha256 } from "../support/sha256.ts";
import { made, type MadeImage } from "./images.ts";
import { mean } from "./moments.ts";

interface Case {
  readonly image: MadeImage;
  readonly op: string;
  readonly args: readonly unknown[];
  readonly ours: (image: RgbImage) => RgbImage;
}

const photo: MadeImage = ["noise", 61, 47];
const dim: MadeImage = ["dim", 48, 40];
const flat: MadeImage = ["flat", 9, 7];
const all = [photo, dim, flat];

const resizedCrops: Case[] = (
  [
    [0, 0, 61, 47, 32],
    [10, 5, 13, 17, 32],
    [60, 46, 1, 1, 8],
    [3, 2, 40, 30, 20],
    [30, 0, 31, 47, 5],
  ] as const
).flatMap(([left, top, width, height, side]) =>
  (["bilinear", "bicubic"] as const).map((interpolation) => ({
    image: photo,
    op: "resizedCrop",
    args: [left, top, width, height, side, interpolation],
    ours: (image) =>
      resize(crop(image, { left, top, width, height }), { width: side, height: side }, interpolation),
  })),
);

const paddedCrops: Case[] = (
  [
    [4, 0, 0, 47],
    [4, 8, 8, 47],
    [4, 3, 7, 40],
    [12, 20, 0, 30],
  ] as const
).flatMap(([padding, left, top, side]) =>
  (["constant", "reflect"] as const).map((mode) => ({
    image: photo,
    op: "paddedCrop",
    args: [padding, mode, left, top, side],
    ours: (image) =>
      crop(image, { left: left - padding, top: top - padding, width: side, height: side }, mode),
  })),
);

const flips: Case[] = all.flatMap((image) => [
  { image, op: "hflip", args: [], ours: flipHorizontally },
  { image, op: "vflip", args: [], ours: flipVertically },
]);

const factors = [0, 0.1, 0.37, 0.6, 0.999, 1, 1.013, 1.4, 1.9, 2.5];
const single = (["brightness", "contrast", "saturation"] as const).flatMap((property) =>
  factors.map((factor) => [{ property, factor }]),
);
const hues = [-0.5, -0.31, -0.1, -0.003, 0, 0.05, 0.25, 0.5].map((factor) => [
  { property: "hue", factor } as const,
]);
const chains: ColorAdjustment[][] = [
  ["brightness", "contrast", "saturation", "hue"],
  ["contrast", "brightness", "hue", "saturation"],
  ["saturation", "contrast", "brightness", "contrast"],
  ["hue", "saturation", "brightness", "contrast"],
].map((order) =>
  order.map((property, at) => ({
    property: property as ColorAdjustment["property"],
    factor: property === "hue" ? 0.21 : [0.63, 1.37, 0.8, 1.21][at]!,
  })),
);

const adjustments: Case[] = [...single, ...hues, ...chains].flatMap((steps) =>
  all.map((image) => ({
    image,
    op: "adjust",
    args: steps.map(({ property, factor }) => [property, factor]),
    ours: (source) => adjustColors(source, steps),
  })),
);

const square224: MadeImage = ["noise", 224, 224];
const greys: Case[] = [...all, square224].map((image) => ({
  image,
  op: "grey",
  args: [],
  ours: (source) => adjustColors(source, drawGrayscale(1, seededRandom(1))),
}));

const fill = [124, 116, 104] as const;
const levels: Readonly<Record<string, readonly number[]>> = {
  Rotate: [0, 30, -30, 7.3, -0.4, 90, 180],
  Posterize: [0, 1, 2, 3, 4],
  Solarize: [0, 26, 128, 255, 256],
  SolarizeAdd: [0, 11, 110],
  ShearX: [0, 0.3, -0.3, 0.0371],
  ShearY: [0, 0.3, -0.3, 0.0371],
  TranslateXRel: [0, 0.45, -0.45, 0.1],
  TranslateYRel: [0, 0.45, -0.45, 0.1],
};
const square: MadeImage = ["noise", 40, 40];
const tiny: MadeImage = ["noise", 2, 3];

const randAugment: Case[] = operations.flatMap((operation) =>
  (levels[operation.name] ?? [0.1, 0.55, 1, 1.3, 1.9]).flatMap((argument) =>
    (["bilinear", "bicubic"] as const).flatMap((interpolation) =>
      [...all, square, tiny].map((image) => ({
        image,
        op: "rand",
        args: [operation.name, argument, interpolation, fill],
        ours: (source: RgbImage) => operation.apply(source, argument, { interpolation, fill }),
      })),
    ),
  ),
);

const cases = [...resizedCrops, ...paddedCrops, ...flips, ...adjustments, ...greys, ...randAugment];
const missing = referenceMissing("PIL", "torchvision");

describe.skipIf(missing)(`augmentations, byte for byte as Pillow's${missing ? ` (${missing})` : ""}`, () => {
  let expected: readonly string[];
  beforeAll(() => {
    const asked = cases.map(({ image, op, args }) => ({ image, op, args }));
    expected = runReference("augment.py", [JSON.stringify(asked)]) as readonly string[];
  });

  it.each(cases.map((given, at) => ({ ...given, at, name: JSON.stringify([given.image, given.args]) })))(
    "$op $name",
    ({ image, ours, at }) => {
      const source = made(image);
      const before = sha256(source.data);
      expect(sha256(ours(source).data)).toBe(expected[at]);
      expect(sha256(source.data), "the source stays as it was").toBe(before);
    },
  );
});

describe.skipIf(missing)(`a blur, beside torchvision's${missing ? ` (${missing})` : ""}`, () => {
  const blurs = (
    [
      [photo, 7],
      [dim, 23],
      [flat, 3],
      [["noise", 32, 32], blurKernelSize(32)],
      [square224, blurKernelSize(224)],
    ] as const
  ).flatMap(([image, kernelSize]) =>
    [0.1, 0.4, 0.77, 1.3, 2].map((sigma) => ({ image, op: "blur", args: [kernelSize, sigma] as const })),
  );
  let expected: readonly string[];
  beforeAll(() => {
    expected = runReference("augment.py", [JSON.stringify(blurs)]) as readonly string[];
  });

  it.each(blurs.map((given, at) => ({ ...given, at, name: JSON.stringify([given.image, given.args]) })))(
    "differs by one level at most, to neither side: $name",
    ({ image, args, at }) => {
      const source = made(image);
      const before = sha256(source.data);
      const ours = gaussianBlur(source, ...args).data;
      expect(sha256(source.data), "the source stays as it was").toBe(before);
      const theirs = Buffer.from(expected[at]!, "base64");
      expect(ours.length).toBe(theirs.length);
      const differences = Array.from(ours, (byte, i) => byte - theirs[i]!);
      expect(
        differences.reduce((most, difference) => Math.max(most, Math.abs(difference)), 0),
      ).toBeLessThanOrEqual(1);
      expect(Math.abs(mean(differences))).toBeLessThan(0.02);
    },
  );
});
