import { reorderInput, reorderInputLast } from "../../ops/blocked.ts";
import { mul } from "../../ops/elementwise.ts";
import { gather, reshape, transpose } from "../../ops/layout.ts";
import { float32, int64s } from "../../value.ts";
import type { Float } from "../lower.ts";
import { lengthsOf } from "./rule.ts";

/** [O, C / group, h, w] for fewer, wider groups: zeros where an output does not see a channel. */
export function blockDiagonal(weight: Float, { factor, groups }: MergedGroups): Float {
  if (factor === 1) return weight;
  const [out, perGroup, height, width] = lengthsOf(weight);
  const filters = out / groups / factor;
  const spread = reshape(weight, [groups, factor, filters, 1, perGroup * height * width]);
  const merged = mul(spread, float32(identity(factor), [factor, 1, factor, 1]));
  return reshape(merged, [out, factor * perGroup, height, width]);
}

/** Rows and columns of an identity matrix, one after the other. */
export const identity = (size: number): readonly number[] =>
  Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0));

/** [O, I, h, w] as blocked kernels read it: [O / block, I / block, h, w, block of I, block of O]. */
export function blockedWeight(weight: Float, block: number): Float {
  const [out, channels, height, width] = lengthsOf(weight);
  const taps = height * width;
  const byOutput = stemWeight(weight);
  if (taps === 1) return byOutput;
  const split = reshape(byOutput, [out / block, channels / block, block, taps, block]);
  return reshape(transpose(split, [0, 1, 3, 2, 4]), weight.shape as number[]);
}

/** [O, I, h, w] for an input that is not blocked: [O / block, I, h, w, block of O], the blocked order of O channels. */
export function stemWeight(weight: Float): Float {
  const [out, channels, height, width] = lengthsOf(weight);
  const asImage = reshape(weight, [1, out, channels * height * width, 1]);
  return reshape(reorderInput(asImage), [out, channels, height, width]);
}

/** The weight of the convolution that gives dX, blocked: inputs and outputs of each group swapped, filters turned around. */
export function turnedWeight(weight: Float, groups: number, block: number): Float {
  const [out, perGroup, height, width] = lengthsOf(weight);
  const taps = height * width;
  if (taps === 1 && groups === 1) {
    // [I / block, O, block of I] is the blocked order of I channels that stand last.
    const asImage = reshape(weight, [1, out, 1, perGroup]);
    return reshape(reorderInputLast(asImage), [perGroup, out, 1, 1]);
  }
  const [outBlocks, inBlocks] = [out / groups / block, perGroup / block];
  const split = reshape(weight, [groups, outBlocks, block, inBlocks, block, taps]);
  const backwards = int64s(Array.from({ length: taps }, (_, tap) => taps - 1 - tap));
  const swapped = transpose(split, [0, 3, 1, 5, 2, 4]);
  // Whole blocks are moved here; before the transpose it would be single elements.
  const turned = gather(swapped, backwards, 3);
  return reshape(turned, [groups * perGroup, out / groups, height, width]);
}

/** Groups of a convolution as blocked kernels take them. */
export interface MergedGroups {
  /** Neighbouring groups that become one, with a block-diagonal weight. */
  readonly factor: number;
  /** Groups that are left. */
  readonly groups: number;
}

/**
 * The fewest neighbouring groups that fill whole blocks together.
 *
 * @param weight [O, C / group, ...]
 * @returns `undefined` when no number of them does.
 */
export function mergedGroups(
  weight: readonly number[],
  group: number,
  block: number,
): MergedGroups | undefined {
  const [out, perGroup] = weight as readonly [number, number];
  for (let factor = 1; factor <= group; factor++) {
    const fills = (perGroup * factor) % block === 0 && ((out / group) * factor) % block === 0;
    if (fills && group % factor === 0) return { factor, groups: group / factor };
  }
  return undefined;
}
