import { stratifiedFolds } from "../data/index.ts";
import { softmax } from "../predict/index.ts";
import { asSeen, centring } from "../train/head/feature-transform.ts";
import type { Examples } from "../train/head/head-objective.ts";
import { fitExamples } from "../train/head/train-head.ts";
import type { TrainingPlatform } from "../train/platform.ts";

/** A row whose label is probably wrong. */
export interface LabelError {
  readonly row: number;
  /** Index of the class that it probably is of. */
  readonly suggested: number;
  /** Probability of that class, by a classifier that had not seen the image. */
  readonly probability: number;
  /** The same of the class that the label says. */
  readonly ofLabel: number;
  /** Whether the suggested class is as likely as it usually is for images that have its label. */
  readonly isConfident: boolean;
}

export interface LabelErrorOptions {
  /** Numbers of pictures, the same for copies: they are held out together. */
  readonly pictures: Int32Array;
  readonly signal?: AbortSignal | undefined;
}

/** Folds of the cross-validation. */
const folds = 5;

/**
 * Finds likely label errors among embedded images, the likeliest first: each image is judged by a classifier that was fitted without
 * it, and {@link confidentErrors} by what they all give. None where no class has two images.
 */
export async function labelErrors(
  platform: TrainingPlatform,
  examples: Examples,
  { pictures, signal }: LabelErrorOptions,
): Promise<readonly LabelError[]> {
  const { labels, numClasses } = examples;
  const seen = await asSeen(platform, examples, centring(examples));
  const fitting = fitExamples(platform, "as they are", seen, foldsOfPictures(labels, pictures), {
    signal,
  });
  let next = await fitting.next();
  while (!next.done) next = await fitting.next();
  const { rows, logits } = next.value.heldOut;
  const probabilities = new Float32Array(rows.length * numClasses);
  for (let at = 0; at < rows.length; at++) {
    probabilities.set(softmax(logits.subarray(at * numClasses, (at + 1) * numClasses)), at * numClasses);
  }
  const judged = Int32Array.from(rows, (row) => labels[row]!);
  return confidentErrors(probabilities, judged, numClasses).map((error) => ({
    ...error,
    row: rows[error.row]!,
  }));
}

/** Folds in which copies of a picture come together. */
function foldsOfPictures(labels: Int32Array, pictures: Int32Array): Int32Array<ArrayBuffer> {
  const foldOf = stratifiedFolds(labels, folds, 0);
  const first = new Map<number, number>();
  return foldOf.map((fold, row) => {
    const known = first.get(pictures[row]!);
    if (known !== undefined && fold >= 0) return known;
    if (fold >= 0) first.set(pictures[row]!, fold);
    return fold;
  });
}

/** A label with a smaller share of the probability that is usual for its class is probably wrong. */
const suspicious = 0.1;

/**
 * Likely label errors, the likeliest first, by the class thresholds of confident learning (C. G. Northcutt, L. Jiang and I. L. Chuang,
 * "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021, section 3.1): the threshold of a class is the mean probability
 * that images with its label get for it. An image is listed when its label gets less than a tenth of the threshold, the least first.
 * It is confident when, as in the paper's confident joint, the suggested class reaches its own threshold. The joint alone misses the
 * half of all errors that are below the mean of the class that they belong to, and takes up hard images (docs/check.md).
 *
 * @param probabilities [rows, classes], each row by a classifier that had not seen it.
 */
export function confidentErrors(
  probabilities: Float32Array,
  labels: Int32Array,
  numClasses: number,
): readonly LabelError[] {
  const thresholds = classThresholds(probabilities, labels, numClasses);
  const share = ({ row, ofLabel }: LabelError): number => ofLabel / thresholds[labels[row]!]!;
  return Array.from(labels, (label, row): LabelError => {
    const own = probabilities.subarray(row * numClasses, (row + 1) * numClasses);
    const suggested = own.reduce((best, value, index) => (value > own[best]! ? index : best), 0);
    const probability = own[suggested]!;
    const isConfident = probability >= thresholds[suggested]!;
    return { row, suggested, probability, ofLabel: own[label]!, isConfident };
  })
    .filter((error) => error.suggested !== labels[error.row] && share(error) < suspicious)
    .sort((a, b) => share(a) - share(b));
}

/** For each class the mean probability that images with its label get for it; NaN without images. */
function classThresholds(probabilities: Float32Array, labels: Int32Array, numClasses: number): Float64Array {
  const sums = new Float64Array(numClasses);
  const counts = new Float64Array(numClasses);
  for (const [row, label] of labels.entries()) {
    sums[label]! += probabilities[row * numClasses + label]!;
    counts[label]!++;
  }
  return sums.map((sum, label) => sum / counts[label]!);
}
