import type { Random } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/tensor.ts";
import { convolutionTable } from "../resample-table.ts";
import { resample, resize, shortSideSize, type Size, type Window } from "../resize.ts";
import type { RgbImage } from "../rgb-image.ts";
import type { ColorAdjustment } from "./adjust-colors.ts";
import { crop } from "./geometric-transforms.ts";
import type { AugmentationOptions } from "./options.ts";

const cropAttempts = 10;

/**
 * Draws the part of an image that a random resized crop keeps: a share of the area within `scale`, a shape whose
 * logarithm is uniform within `ratio`. When ten draws do not fit, it is the largest central part within `ratio`.
 */
export function randomResizedCropWindow(
  { width, height }: Size,
  { scale, ratio }: Pick<AugmentationOptions, "scale" | "ratio">,
  random: Random,
): Window {
  for (let attempt = 0; attempt < cropAttempts; attempt++) {
    const area = uniformBetween(random, ...scale) * width * height;
    const shape = Math.exp(uniformBetween(random, Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfToEven(Math.sqrt(area * shape));
    const h = roundHalfToEven(Math.sqrt(area / shape));
    if (w >= 1 && h >= 1 && w <= width && h <= height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  const shape = width / height;
  const w = shape > ratio[1] ? Math.max(1, roundHalfToEven(height * ratio[1])) : width;
  const h = shape < ratio[0] ? Math.max(1, roundHalfToEven(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/**
 * Pads an image on all sides and takes a random square.
 *
 * An image whose short side is not `side` is resized first, so that photographs can be mixed with small images.
 */
export function randomCrop(
  image: RgbImage,
  side: number,
  {
    padding,
    paddingMode,
    interpolation,
  }: Pick<AugmentationOptions, "padding" | "paddingMode" | "interpolation">,
  random: Random,
): RgbImage {
  const filter = interpolation === "random" ? "bilinear" : interpolation;
  const fitted =
    Math.min(image.width, image.height) === side ? image : resize(image, shortSideSize(image, side), filter);
  const top = random.integer(fitted.height + 2 * padding - side + 1) - padding;
  const left = random.integer(fitted.width + 2 * padding - side + 1) - padding;
  return crop(fitted, { left, top, width: side, height: side }, paddingMode);
}

/** Draws torchvision's `ColorJitter`: factors around 1 (hue: around 0), in random order. */
export function drawColorJitter(
  strengths: AugmentationOptions["colorJitter"],
  random: Random,
): readonly ColorAdjustment[] {
  const [brightness, contrast, saturation, hue = 0] =
    typeof strengths === "number" ? [strengths, strengths, strengths] : (strengths ?? [0, 0, 0]);
  const around = (property: ColorAdjustment["property"], strength: number): ColorAdjustment => ({
    property,
    factor: uniformBetween(random, Math.max(0, 1 - strength), 1 + strength),
  });
  const adjustments = [
    ...(brightness > 0 ? [around("brightness", brightness)] : []),
    ...(contrast > 0 ? [around("contrast", contrast)] : []),
    ...(saturation > 0 ? [around("saturation", saturation)] : []),
    ...(hue > 0 ? [{ property: "hue", factor: uniformBetween(random, -hue, hue) } as const] : []),
  ];
  return shuffled(adjustments, random);
}

/** Fisher-Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Whether the image becomes grey: a saturation of 0 gives three channels of Pillow's `L`. */
export function drawGrayscale(probability: number, random: Random): readonly ColorAdjustment[] {
  return happens(probability, random) ? [{ property: "saturation", factor: 0 }] : [];
}

/** Standard deviations of a blur in pixels: torchvision's default, which timm takes. */
const blurSigma = [0.1, 2] as const;

/** Blurs an image with the given probability. */
export function randomGaussianBlur(image: RgbImage, probability: number, random: Random): RgbImage {
  if (!happens(probability, random)) return image;
  return gaussianBlur(image, blurKernelSize(image.width), uniformBetween(random, ...blurSigma));
}

/** A tenth of the side, and odd: 23 for 224, as in timm; at least 3. */
export const blurKernelSize = (side: number): number => 2 * Math.max(1, Math.floor(side / 20)) + 1;

/**
 * torchvision's `gaussian_blur`, with the border mirrored. Bytes differ from torchvision's by at most 1: they are rounded
 * between rows and columns too.
 *
 * @param kernelSize Pixels, odd.
 * @param sigma Standard deviation in pixels.
 */
export function gaussianBlur(image: RgbImage, kernelSize: number, sigma: number): RgbImage {
  const { width, height } = image;
  // What lies further out has less weight than the table's last bit.
  const radius = Math.min((kernelSize - 1) / 2, Math.ceil(6 * sigma));
  const densities = Array.from({ length: 2 * radius + 1 }, (_, tap) =>
    Math.exp(-0.5 * ((tap - radius) / sigma) ** 2),
  );
  const total = densities.reduce((sum, density) => sum + density);
  const weights = densities.map((density) => density / total);
  const around = { left: -radius, top: -radius, width: width + 2 * radius, height: height + 2 * radius };
  const bordered = crop(image, around, "reflect");
  return resample(bordered, convolutionTable(weights, width), convolutionTable(weights, height), image);
}

const erasingAttempts = 10;
const erasedArea = [0.02, 1 / 3] as const;
const erasedLogShape = [Math.log(0.3), Math.log(1 / 0.3)] as const;

type ErasingOptions = Pick<AugmentationOptions, "reProb" | "reMode" | "reCount">;

/**
 * Draws the parts that timm's `RandomErasing` erases: 2 to 33 % of the area, shared by the parts, with sides in
 * the ratio 0.3 to 3.3. A part that does not fit in ten draws is left out.
 */
export function drawErasing(
  { width, height }: Size,
  { reProb, reCount }: ErasingOptions,
  random: Random,
): readonly Window[] {
  if (random.uniform() >= reProb) return [];
  const count = 1 + random.integer(reCount);
  const windows: Window[] = [];
  for (let part = 0; part < count; part++) {
    for (let attempt = 0; attempt < erasingAttempts; attempt++) {
      const target = (uniformBetween(random, ...erasedArea) * width * height) / count;
      const shape = Math.exp(uniformBetween(random, ...erasedLogShape));
      const h = roundHalfToEven(Math.sqrt(target * shape));
      const w = roundHalfToEven(Math.sqrt(target / shape));
      if (w >= width || h >= height) continue;
      const top = random.integer(height - h + 1);
      windows.push({ left: random.integer(width - w + 1), top, width: w, height: h });
      break;
    }
  }
  return windows;
}

/** Erases random parts of normalised planes [3, height, width] in place. */
export function randomErasing(
  planes: Float32Array,
  size: Size,
  options: ErasingOptions,
  random: Random,
): void {
  const plane = size.width * size.height;
  for (const window of drawErasing(size, options, random)) {
    for (let channel = 0; channel * plane < planes.length; channel++) {
      const color = options.reMode === "rand" ? random.normal() : 0;
      for (let y = 0; y < window.height; y++) {
        const start = channel * plane + (window.top + y) * size.width + window.left;
        const row = planes.subarray(start, start + window.width);
        if (options.reMode === "pixel") row.forEach((_, x) => (row[x] = random.normal()));
        else row.fill(color);
      }
    }
  }
}

/** The filter itself, or one of bilinear and bicubic for `random`. */
export function drawInterpolation(
  interpolation: AugmentationOptions["interpolation"],
  random: Random,
): "bilinear" | "bicubic" {
  if (interpolation !== "random") return interpolation;
  return random.integer(2) === 0 ? "bilinear" : "bicubic";
}

/** Draws whether something happens. What is certain draws no number: so new options leave the draws of old recipes alone. */
export const happens = (probability: number, random: Random): boolean =>
  probability >= 1 || (probability > 0 && random.uniform() < probability);

/** Uniform in [from, to). */
export const uniformBetween = (random: Random, from: number, to: number): number =>
  from + (to - from) * random.uniform();
