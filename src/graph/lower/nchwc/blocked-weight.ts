import { elementCount, tensor, type TensorSource } from "../../../core/index.ts";
import { reorderInput, reorderInputLast } from "../../ops/blocked.ts";
import { gather, reshape, transpose } from "../../ops/layout.ts";
import { constant, int64s, lengthOf, value4d, type Float } from "../../value.ts";
import { blockDiagonal, storedBlockDiagonal } from "../merged-groups.ts";
import type { BlockedTarget } from "./rule.ts";

/*
 * Blocked kernels read a weight [O, I, h, w] as [O / block, I / block, h, w, block of I, block of O] or, where the
 * input is not blocked, as [O / block, I, h, w, block of O]. It keeps its logical shape.
 */

/** In the graph, for every step anew. */
export const computedWeight: BlockedTarget["weight"] = (weight, block, merged) =>
  merged ? blockedWeight(blockDiagonal(weight, merged), block) : stemWeight(weight);

/** Of a constant only, when it is stored; its name stays. */
export const constantWeight: BlockedTarget["weight"] = (weight, block, merged) => {
  const { source, dtype } = weight;
  if (source.kind !== "constant" || dtype !== "float32") return undefined;
  const stored = source.tensor as TensorSource<"float32">;
  if (!merged) return constant(storedBlockedWeight(stored, block, 1), source.name);
  const perGroup = lengthOf(weight, 1);
  // A depthwise convolution has a fast path of its own, and groups of more than one block were slower when measured.
  const isSlower = merged.factor > 1 && (perGroup === 1 || perGroup * merged.factor > block);
  if (isSlower) return undefined;
  return constant(storedBlockedWeight(storedBlockDiagonal(stored, merged), block, block), source.name);
};

/** @param inner Input channels that stand together: a block, or 1 where the input is not blocked. */
function storedBlockedWeight(
  weight: TensorSource<"float32">,
  block: number,
  inner: number,
): TensorSource<"float32"> {
  const [out = 1, channels = 1, ...kernel] = weight.dims;
  const taps = elementCount(kernel);
  return {
    dtype: "float32",
    dims: weight.dims,
    async load() {
      const { data } = await weight.load();
      const blocked = new Float32Array(data.length);
      let position = 0;
      for (let o = 0; o < out; o += block) {
        for (let c = 0; c < channels; c += inner) {
          for (let tap = 0; tap < taps; tap++) {
            for (let i = c; i < c + inner; i++) {
              for (let b = o; b < o + block; b++)
                blocked[position++] = data[(b * channels + i) * taps + tap]!;
            }
          }
        }
      }
      return tensor("float32", weight.dims, blocked);
    },
  };
}

/** [O, I, h, w] as blocked kernels read it: [O / block, I / block, h, w, block of I, block of O]. */
function blockedWeight(weight: Float, block: number): Float {
  const [out, channels, height, width] = value4d(weight).shape;
  const taps = height * width;
  const byOutput = stemWeight(weight);
  if (taps === 1) return byOutput;
  const split = reshape(byOutput, [out / block, channels / block, block, taps, block]);
  return reshape(transpose(split, [0, 1, 3, 2, 4]), value4d(weight).shape);
}

/** [O, I, h, w] for an input that is not blocked: [O / block, I, h, w, block of O], the blocked order of O channels. */
function stemWeight(weight: Float): Float {
  const [out, channels, height, width] = value4d(weight).shape;
  const asImage = reshape(weight, [1, out, channels * height * width, 1]);
  return reshape(reorderInput(asImage), [out, channels, height, width]);
}

/** The weight of the convolution that gives dX, blocked: inputs and outputs of each group swapped, filters turned around. */
export function turnedWeight(weight: Float, groups: number, block: number): Float {
  const [out, perGroup, height, width] = value4d(weight).shape;
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
