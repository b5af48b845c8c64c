import type { Random } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/tensor.ts";
import { greyStatistics, normaliseGrey, toGrey } from "../grey.ts";
import { normalise } from "../normalise.ts";
import type { Preprocessing } from "../preprocessing.ts";
import { resize, type Size, type Window } from "../resize.ts";
import type { RgbImage } from "../rgb-image.ts";
import { adjustColors, type ColorAdjustment } from "./adjust-colors.ts";
import { crop, flipHorizontally, flipVertically } from "./geometric-transforms.ts";
import type { AugmentationOptions } from "./options.ts";
import { randAugmentPolicy } from "./rand-augment-policy.ts";
import { applyOperations, drawRandAugment } from "./rand-augment.ts";
import {
  drawColorJitter,
  drawGrayscale,
  drawInterpolation,
  happens,
  randomCrop,
  randomErasing,
  randomGaussianBlur,
  randomResizedCropWindow,
} from "./random-transforms.ts";

/** What a training image goes through. */
export interface TrainingTransformOptions {
  readonly preprocessing: Pick<Preprocessing, "inputSize" | "mean" | "std">;
  readonly augmentation: AugmentationOptions;
  /** 1 for images in grey, turned so before anything else, as timm does. @default 3 */
  readonly channels?: number | undefined;
}

/**
 * Draws the part of an image that is needed: that of a random resized crop, else the whole. It is the first that is
 * drawn for an image, and takes only its size, so that no more has to be decoded.
 */
export function drawPart(image: Size, augmentation: AugmentationOptions, random: Random): Window {
  return augmentation.crop === "random-resized"
    ? randomResizedCropWindow(image, augmentation, random)
    : { left: 0, top: 0, width: image.width, height: image.height };
}

/** Crops, flips, recolours and blurs an image at random: timm's training transform up to the tensor. */
export function augment(image: RgbImage, options: TrainingTransformOptions, random: Random): RgbImage {
  const part = crop(image, drawPart(image, options.augmentation, random));
  const { pixels, mirrored } = augmentPart(part, options, random);
  return mirrored ? flipHorizontally(pixels) : pixels;
}

interface Augmented {
  readonly pixels: RgbImage;
  /** Left and right are still to be swapped: normalising does that by the way. */
  readonly mirrored: boolean;
  /** More than cropped and flipped: parts of it may be erased. */
  readonly varied: boolean;
}

function augmentPart(
  part: RgbImage,
  { preprocessing, augmentation }: TrainingTransformOptions,
  random: Random,
): Augmented {
  const { inputSize, mean } = preprocessing;
  const { interpolation, hflip, vflip, autoAugment } = augmentation;
  const square =
    augmentation.crop === "random"
      ? randomCrop(part, inputSize, augmentation, random)
      : resize(part, { width: inputSize, height: inputSize }, drawInterpolation(interpolation, random));
  const mirrored = random.uniform() < hflip;
  const upright = random.uniform() < vflip ? flipVertically(square) : square;
  if (!happens(augmentation.augmentProb, random)) return { pixels: upright, mirrored, varied: false };
  if (autoAugment === null) {
    const { colorJitter, colorJitterProb } = augmentation;
    const jitter = happens(colorJitterProb, random) ? drawColorJitter(colorJitter, random) : [];
    // Changes of colours do not depend on where a pixel stands, and a blur is the same to the left and to the right.
    return { pixels: recolor(upright, jitter, augmentation, random), mirrored, varied: true };
  }
  const flipped = mirrored ? flipHorizontally(upright) : upright;
  const drawn = drawRandAugment(randAugmentPolicy(autoAugment), interpolation, random);
  const [red, green, blue] = mean;
  const operated = applyOperations(flipped, drawn, [toFill(red), toFill(green), toFill(blue)]);
  return { pixels: recolor(operated, [], augmentation, random), mirrored: false, varied: true };
}

/** Jitter, grey and blur, in timm's order. */
function recolor(
  image: RgbImage,
  jitter: readonly ColorAdjustment[],
  { grayscaleProb, gaussianBlurProb }: AugmentationOptions,
  random: Random,
): RgbImage {
  const recolored = adjustColors(image, [...jitter, ...drawGrayscale(grayscaleProb, random)]);
  return randomGaussianBlur(recolored, gaussianBlurProb, random);
}

/** The byte of a mean: what operations fill in normalises to about 0. */
const toFill = (mean: number): number => Math.min(255, roundHalfToEven(255 * mean));

/**
 * timm's training transform: crop, flips, colours, blur, normalisation, erasing.
 *
 * @param out Receives float32 planes [channels, inputSize, inputSize].
 * @param offset First element of `out` to write: n * channels * inputSize² for image n of a batch.
 */
export function trainingTransform(
  image: RgbImage,
  options: TrainingTransformOptions,
  random: Random,
  out: Float32Array,
  offset = 0,
): void {
  const part = crop(image, drawPart(image, options.augmentation, random));
  transformPart(part, options, random, out, offset);
}

/** {@link trainingTransform} of an image of which the part of {@link drawPart} was cut out. */
export function transformPart(
  part: RgbImage,
  options: TrainingTransformOptions,
  random: Random,
  out: Float32Array,
  offset: number,
): void {
  const isGrey = options.channels === 1;
  const { pixels, mirrored, varied } = isGrey
    ? augmentPart(toGrey(part), { ...options, preprocessing: greyStatistics(options.preprocessing) }, random)
    : augmentPart(part, options, random);
  (isGrey ? normaliseGrey : normalise)(pixels, options.preprocessing, out, offset, mirrored);
  if (!varied) return;
  const planes = out.subarray(offset, offset + (isGrey ? pixels.data.length / 3 : pixels.data.length));
  randomErasing(planes, pixels, options.augmentation, random);
}
