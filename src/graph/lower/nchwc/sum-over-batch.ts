import { add, int64s, slice } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";

/** Σ over the parts of a batch of what `body` makes of two tensors' images. */
export function sumOverBatch(
  [a, b]: readonly [Float, Float],
  perImage: number,
  block: number,
  body: (a: Float, b: Float) => Float,
): Float | undefined {
  const parts = batchParts(lengthsOf(a)[0], perImage, block);
  if (!parts) return undefined;
  const [first, second] = [splitBatch(a, parts), splitBatch(b, parts)];
  return parts.map((_, index) => body(first[index]!, second[index]!)).reduce(add);
}

/**
 * Blocked kernels take fewer channels than a block, or whole blocks; where the images of a batch, or their
 * groups, become channels, not every batch fits. These are the images of each part that does.
 *
 * @param perImage Channels that one image becomes.
 * @returns `undefined` when one image alone does not fit.
 */
function batchParts(n: number, perImage: number, block: number): readonly number[] | undefined {
  const fits = (images: number): boolean => images * perImage < block || (images * perImage) % block === 0;
  if (fits(n)) return [n];
  let rest = 1;
  while (rest < n && !fits(n - rest)) rest++;
  return rest < n && fits(rest) ? [n - rest, rest] : undefined;
}

/** The images of each part. */
function splitBatch(x: Float, parts: readonly number[]): readonly Float[] {
  if (parts.length === 1) return [x];
  let end = 0;
  return parts.map((images) => {
    const start = end;
    end += images;
    return slice(x, int64s([start]), int64s([end]), [0]);
  });
}
