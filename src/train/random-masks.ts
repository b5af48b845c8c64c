import { deriveSeed, elementCount, seededRandom } from "../core/index.ts";
import { input, mul, type Value } from "../graph/index.ts";

type Float = Value<"float32">;

/** A graph input of zeros and of 1 / (1 - rate), drawn anew for every run. */
export interface RandomMask {
  readonly name: string;
  readonly dims: readonly number[];
  /** Probability of a zero. */
  readonly rate: number;
}

/** Multiplies by a mask of this shape, which is noted in `masks`; leaves `x` as it is at rate 0. */
export function masked(x: Float, mask: RandomMask, masks: RandomMask[]): Float {
  if (mask.rate === 0) return x;
  masks.push(mask);
  return mul(x, input(mask.name, "float32", mask.dims));
}

/** Which masks to draw: the same position gives the same ones. */
export interface MaskPosition {
  readonly seed: number;
  /** Number of the step, from 1. */
  readonly step: number;
  /** Place of the micro-batch in the step, from 0. */
  readonly microBatch: number;
}

/** Draws every mask of one run; what is kept is scaled so that the mean stays, as in torch. */
export function drawMasks(
  masks: readonly RandomMask[],
  { seed, step, microBatch }: MaskPosition,
): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
  const random = seededRandom(deriveSeed(seed, step, microBatch));
  return new Map(
    masks.map(({ name, dims, rate }) => {
      const draw = (): number => (random.uniform() < rate ? 0 : 1 / (1 - rate));
      return [name, Float32Array.from({ length: elementCount(dims) }, draw)];
    }),
  );
}
