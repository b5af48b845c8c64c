import type { Random } from "../../../core/index.ts";
import type { RgbImage } from "../../rgb-image.ts";
import type { AffineOptions } from "../affine.ts";
import { drawInterpolation } from "../draw-interpolation.ts";
import type { AugmentationOptions } from "../options.ts";
import { uniformBetween } from "../uniform-between.ts";
import { increasingOperations, operations, type Operation } from "./operations.ts";
import type { RandAugmentPolicy } from "./policy.ts";

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
