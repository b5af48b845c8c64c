import { UsageError } from "../../core/index.ts";

/** Some of a model's classes, in ascending order: position in the subset -> class index. */
export type ClassSubset = readonly number[];

/**
 * Keeps the scores of a subset's classes, as timm does for ImageNet-A and ImageNet-R: the model chooses
 * among these classes only.
 */
export function restrictToSubset(scores: ArrayLike<number>, subset: ClassSubset): Float32Array<ArrayBuffer> {
  return Float32Array.from(subset, (index) => scores[index]!);
}

/**
 * Reads a subset: one class index per line; empty lines are skipped.
 *
 * @throws UsageError `usage/class-subset` for a line that is not a class index below `numClasses`.
 */
export function parseClassSubset(text: string, numClasses: number, name: string): ClassSubset {
  const indices = text
    .split(/\r?\n/)
    .map((line, at) => ({ line: line.trim(), at }))
    .filter(({ line }) => line !== "")
    .map(({ line, at }) => {
      const index = Number(line);
      if (/^\d+$/.test(line) && index < numClasses) return index;
      throw new UsageError(
        "usage/class-subset",
        `${name}:${at + 1}: expected a class index from 0 to ${numClasses - 1}, got "${line}".`,
      );
    });
  if (indices.length === 0) {
    throw new UsageError("usage/class-subset", `${name}: expected one class index per line, it has none.`);
  }
  return [...new Set(indices)].sort((a, b) => a - b);
}
