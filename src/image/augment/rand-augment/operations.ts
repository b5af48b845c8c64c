import type { RgbImage } from "../../rgb-image.ts";
import { adjustColors, type ColorAdjustment } from "../adjust-colors.ts";
import { affine, type AffineOptions } from "../affine.ts";
import {
  applyHistogramTables,
  autoContrastTable,
  equalizeTable,
  invertTable,
  posterizeTable,
  solarizeAddTable,
  solarizeTable,
} from "../byte-tables.ts";
import { applyTable, type ByteTable } from "../byte-table.ts";
import { rotate } from "../rotate.ts";
import { sharpen } from "../sharpen.ts";

/** One operation of RandAugment. */
export interface Operation {
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
