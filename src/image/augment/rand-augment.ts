import type { Random } from "../../core/index.ts";
import type { RgbImage } from "../rgb-image.ts";
import {
  adjustColors,
  applyHistogramTables,
  applyTable,
  autoContrastTable,
  blendProducts,
  equalizeTable,
  invertTable,
  posterizeTable,
  solarizeAddTable,
  solarizeTable,
  toByte,
  type ByteTable,
  type ColorAdjustment,
} from "./adjust-colors.ts";
import { affine, rotate, type AffineOptions } from "./geometric-transforms.ts";
import type { AugmentationOptions } from "./options.ts";
import type { RandAugmentPolicy } from "./rand-augment-policy.ts";
import { drawInterpolation, uniformBetween } from "./random-transforms.ts";

/** An operation with what it takes. */
export interface DrawnOperation {
  readonly operation: Operation;
  readonly argument: number;
  readonly interpolation: AffineOptions["interpolation"];
}

/** Each operation that is taken is left out with this probability. */
const skipped = 0.5;

/** Magnitude at which an operation has its full strength. */
const fullMagnitude = 10;

/** Draws the operations for one image. */
export function drawRandAugment(
  policy: RandAugmentPolicy,
  interpolation: AugmentationOptions["interpolation"],
  random: Random,
): readonly DrawnOperation[] {
  const choices = policy.increasing ? increasingOperations : operations;
  const taken = policy.weighted
    ? weightedChoices(choices, policy.layers, random)
    : Array.from({ length: policy.layers }, () => choices[random.integer(choices.length)]!);
  return taken.flatMap((operation) => {
    if (random.uniform() < skipped) return [];
    const strength = drawMagnitude(policy, random) / fullMagnitude;
    const sign = random.uniform() < 0.5 ? -1 : 1;
    return [
      {
        operation,
        argument: operation.argument(strength, sign),
        interpolation: drawInterpolation(interpolation, random),
      },
    ];
  });
}

function drawMagnitude({ magnitude, magnitudeStd, magnitudeMax }: RandAugmentPolicy, random: Random): number {
  const drawn =
    magnitudeStd === Infinity
      ? uniformBetween(random, 0, magnitude)
      : magnitudeStd > 0
        ? magnitude + magnitudeStd * random.normal()
        : magnitude;
  return Math.max(0, Math.min(drawn, magnitudeMax));
}

/** Draws without replacement. */
function weightedChoices(choices: readonly Operation[], count: number, random: Random): Operation[] {
  const left = choices.filter(({ weight }) => weight > 0);
  return Array.from({ length: Math.min(count, left.length) }, () => {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    let rest = random.uniform() * total;
    const found = left.findIndex(({ weight }) => (rest -= weight) < 0);
    return left.splice(found, 1)[0]!;
  });
}

/** Applies operations one after the other. */
export function applyOperations(
  image: RgbImage,
  drawn: readonly DrawnOperation[],
  fill: AffineOptions["fill"],
): RgbImage {
  return drawn.reduce(
    (result, { operation, argument, interpolation }) =>
      operation.apply(result, argument, { interpolation, fill }),
    image,
  );
}

/** One operation of RandAugment. */
interface Operation {
  readonly name: string;
  /**
   * What the operation takes, from its strength: a share that is 1 at magnitude 10.
   *
   * @param sign 1 or -1, for operations that go both ways.
   */
  argument(strength: number, sign: 1 | -1): number;
  apply(image: RgbImage, argument: number, options: AffineOptions): RgbImage;
  /** timm's weight in `w0`. */
  readonly weight: number;
}

type Kind = Pick<Operation, "name" | "apply" | "weight">;

const tabled = (image: RgbImage, table: ByteTable): RgbImage => ({
  ...image,
  data: applyTable(image.data, table),
});

const none = (): number => 0;
const both =
  (most: number): Operation["argument"] =>
  (strength, sign) =>
    sign * strength * most;

const autoContrast: Kind = {
  name: "AutoContrast",
  apply: (image) => applyHistogramTables(image, autoContrastTable),
  weight: 0.025,
};
const equalize: Kind = {
  name: "Equalize",
  apply: (image) => applyHistogramTables(image, equalizeTable),
  weight: 0.005,
};
const invert: Kind = { name: "Invert", apply: (image) => tabled(image, invertTable), weight: 0 };
const posterize: Kind = {
  name: "Posterize",
  apply: (image, bits) => tabled(image, posterizeTable(bits)),
  weight: 0,
};
const solarize: Kind = {
  name: "Solarize",
  apply: (image, threshold) => tabled(image, solarizeTable(threshold)),
  weight: 0.005,
};
const adjusting =
  (property: ColorAdjustment["property"]): Operation["apply"] =>
  (image, factor) =>
    adjustColors(image, [{ property, factor }]);
const enhancing: readonly Kind[] = [
  { name: "Color", apply: adjusting("saturation"), weight: 0.025 },
  { name: "Contrast", apply: adjusting("contrast"), weight: 0.005 },
  { name: "Brightness", apply: adjusting("brightness"), weight: 0.005 },
  { name: "Sharpness", apply: sharpen, weight: 0.025 },
];

const before: readonly Operation[] = [
  { ...autoContrast, argument: none },
  { ...equalize, argument: none },
  { ...invert, argument: none },
  { name: "Rotate", apply: rotate, weight: 0.3, argument: both(30) },
];
const solarizeAdd: Operation = {
  name: "SolarizeAdd",
  apply: (image, amount) => tabled(image, solarizeAddTable(amount)),
  weight: 0.005,
  argument: (strength) => Math.trunc(strength * 110),
};
const moving: readonly Operation[] = [
  {
    name: "ShearX",
    apply: (image, share, options) => affine(image, [1, share, 0, 0, 1, 0], options),
    weight: 0.2,
    argument: both(0.3),
  },
  {
    name: "ShearY",
    apply: (image, share, options) => affine(image, [1, 0, 0, share, 1, 0], options),
    weight: 0.2,
    argument: both(0.3),
  },
  {
    name: "TranslateXRel",
    apply: (image, share, options) => affine(image, [1, 0, share * image.width, 0, 1, 0], options),
    weight: 0.1,
    argument: both(0.45),
  },
  {
    name: "TranslateYRel",
    apply: (image, share, options) => affine(image, [1, 0, 0, 0, 1, share * image.height], options),
    weight: 0.1,
    argument: both(0.45),
  },
];

/** timm's operations, with the mappings of the TPU EfficientNet: some are weaker at greater strength. */
export const operations: readonly Operation[] = [
  ...before,
  { ...posterize, argument: (strength) => Math.trunc(strength * 4) },
  { ...solarize, argument: (strength) => Math.trunc(strength * 256) },
  solarizeAdd,
  ...enhancing.map((kind) => ({ ...kind, argument: (strength: number) => strength * 1.8 + 0.1 })),
  ...moving,
];

/** timm's increasing operations: the effect of all grows with the strength. */
export const increasingOperations: readonly Operation[] = [
  ...before,
  { ...posterize, argument: (strength) => 4 - Math.trunc(strength * 4) },
  { ...solarize, argument: (strength) => 256 - Math.trunc(strength * 256) },
  solarizeAdd,
  ...enhancing.map((kind) => ({
    ...kind,
    argument: (strength: number, sign: 1 | -1) => Math.max(0.1, 1 + sign * strength * 0.9),
  })),
  ...moving,
];

const { fround } = Math;

/** Products of Pillow's `SMOOTH` kernel, 1/13 around 5/13, with every byte, in float32 as Pillow computes. */
const around = Float32Array.from({ length: 256 }, (_, byte) => fround(1 / 13) * byte);
const centre = Float32Array.from({ length: 256 }, (_, byte) => fround(5 / 13) * byte);

/** Pillow's `ImageEnhance.Sharpness`: 0 smooths, 1 changes nothing, 2 sharpens; the border stays as it is. */
function sharpen(image: RgbImage, factor: number): RgbImage {
  const { width, height, data: source } = image;
  const data = source.slice();
  const products = blendProducts(factor);
  const stride = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + 3; i < (y + 1) * stride - 3; i++) {
      const below = sum3(source, i + stride, around);
      const beside = sum3(source, i, centre);
      const above = sum3(source, i - stride, around);
      const smooth = toByte(fround(fround(fround(0.5 + below) + beside) + above));
      data[i] = toByte(fround(smooth + products[source[i]! - smooth + 255]!));
    }
  }
  return { width, height, data };
}

/** The weighted sum of three pixels of a row. */
function sum3(source: Uint8Array, at: number, middle: Float32Array): number {
  const first = fround(around[source[at - 3]!]! + middle[source[at]!]!);
  return fround(first + around[source[at + 3]!]!);
}
