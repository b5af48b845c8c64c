import { UsageError } from "../../core/index.ts";

/** Shares in percent, as papers and timm's tables print them. */
export interface Accuracy {
  /** Images counted. */
  readonly count: number;
  /** Percent of images whose best class is right; NaN when none was counted. */
  readonly top1: number;
  /** Percent of images whose right class is among the five best; NaN when none was counted. */
  readonly top5: number;
}

/** Whether a top-5 accuracy says anything: of five classes or fewer it is 100 %, whatever a model does. */
export const tellsTop5 = (numClasses: number): boolean => numClasses > 5;

/** Counts hits among the best one and the best five classes. */
export interface AccuracyMeter {
  /** Counts one image by the place of its right class: 0 for the best. */
  add(rank: number): void;
  result(): Accuracy;
}

/** A meter at zero. */
export function accuracyMeter(): AccuracyMeter {
  let count = 0;
  let hits1 = 0;
  let hits5 = 0;
  return {
    add(rank) {
      count++;
      if (rank < 1) hits1++;
      if (rank < 5) hits5++;
    },
    result: () => ({ count, top1: (100 * hits1) / count, top5: (100 * hits5) / count }),
  };
}

/** Place of the best-placed of several right classes: what ImageNet-ReaL counts. */
export function bestRankOf(scores: ArrayLike<number>, targets: readonly number[]): number {
  return Math.min(...targets.map((target) => rankOf(scores, target)));
}

/** A class and its score. */
export interface Ranked {
  readonly index: number;
  readonly value: number;
}

/** Whether `a` stands before `b`: the higher score first, equal scores by lower index, NaN last. */
function before(a: Ranked, b: Ranked): boolean {
  if (Number.isNaN(a.value)) return Number.isNaN(b.value) && a.index < b.index;
  if (Number.isNaN(b.value)) return true;
  return a.value > b.value || (a.value === b.value && a.index < b.index);
}

/** The `k` best scores, best first; equal scores by lower index; all of them when there are fewer than `k`. */
export function topk(scores: ArrayLike<number>, k: number): Ranked[] {
  const best: Ranked[] = [];
  for (let index = 0; index < scores.length; index++) {
    const candidate = { index, value: scores[index]! };
    if (best.length >= k && (k === 0 || !before(candidate, best[best.length - 1]!))) continue;
    // k is small: insertion into the sorted list is cheaper than sorting all scores.
    let place = best.length;
    while (place > 0 && before(candidate, best[place - 1]!)) place--;
    best.splice(place, 0, candidate);
    if (best.length > k) best.pop();
  }
  return best;
}

/** Place of class `target` in the order of `topk`: 0 when it is the best. */
export function rankOf(scores: ArrayLike<number>, target: number): number {
  const own = { index: target, value: scores[target]! };
  let rank = 0;
  for (let index = 0; index < scores.length; index++) {
    if (before({ index, value: scores[index]! }, own)) rank++;
  }
  return rank;
}

/**
 * Probabilities of one image's logits: exp((x - max) / temperature) / sum, so that no logit overflows.
 *
 * The sum is taken in float64. A logit that is NaN or +Infinity makes all of them NaN, as in PyTorch, instead of a made-up answer.
 */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float32Array<ArrayBuffer> {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  const exponentials = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = Math.exp((logits[i]! - max) / temperature);
    exponentials[i] = value;
    sum += value;
  }
  return Float32Array.from(exponentials, (value) => value / sum);
}

/**
 * Cross-entropy of one image's logits with its right class, in nats: log Σ exp(x / temperature) - x[target] / temperature, in
 * float64.
 */
export function crossEntropy(logits: ArrayLike<number>, target: number, temperature = 1): number {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - max) / temperature);
  return (max - logits[target]!) / temperature + Math.log(sum);
}

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

/** How often each class was taken for each other: rows are right classes, columns predicted ones. */
export interface ConfusionMatrix {
  readonly numClasses: number;
  /** Counts, row-major. */
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** A matrix of zeros. */
export function confusionMatrix(numClasses: number): ConfusionMatrix {
  return { numClasses, counts: new Uint32Array(numClasses * numClasses) };
}

/** Counts one image, in place. */
export function countPrediction(matrix: ConfusionMatrix, target: number, predicted: number): void {
  matrix.counts[target * matrix.numClasses + predicted]! += 1;
}

/** Two classes that were confused. */
export interface Confusion {
  readonly target: number;
  readonly predicted: number;
  readonly count: number;
}

/** The `limit` most frequent confusions, most frequent first; ties in row order. */
export function worstConfusions(matrix: ConfusionMatrix, limit: number): Confusion[] {
  const confusions: Confusion[] = [];
  matrix.counts.forEach((count, cell) => {
    const target = Math.floor(cell / matrix.numClasses);
    const predicted = cell % matrix.numClasses;
    if (count > 0 && target !== predicted) confusions.push({ target, predicted, count });
  });
  return confusions.sort((a, b) => b.count - a.count).slice(0, limit);
}

/** How well one class is recognised; shares in percent. */
export interface ClassReport {
  readonly index: number;
  /** Images of the class. */
  readonly support: number;
  /** Images taken for the class. */
  readonly predicted: number;
  /** Share of the class's images that were recognised: its accuracy; NaN without images. */
  readonly recall: number;
  /** Share of the images taken for the class that are of it; NaN when none was taken for it. */
  readonly precision: number;
  /** Harmonic mean of precision and recall: 2·hits / (support + predicted). */
  readonly f1: number;
}

/** One report per class, in class order. */
export function perClass(matrix: ConfusionMatrix): ClassReport[] {
  const { numClasses, counts } = matrix;
  const support = new Float64Array(numClasses);
  const predicted = new Float64Array(numClasses);
  counts.forEach((count, cell) => {
    support[Math.floor(cell / numClasses)]! += count;
    predicted[cell % numClasses]! += count;
  });
  return Array.from({ length: numClasses }, (_, index) => {
    const hits = counts[index * numClasses + index]!;
    return {
      index,
      support: support[index]!,
      predicted: predicted[index]!,
      recall: (100 * hits) / support[index]!,
      precision: (100 * hits) / predicted[index]!,
      f1: (200 * hits) / (support[index]! + predicted[index]!),
    };
  });
}
