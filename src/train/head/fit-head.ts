import type { Holdout } from "../../data/index.ts";
import type { Examples, HeadObjective, Rows } from "./head-objective.ts";
import { minimise, type Minimum } from "./minimise.ts";

/** One strength of the penalty, measured on the images that were held out. */
export interface StrengthTried {
  readonly l2: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** In percent. */
  readonly top1: number;
}

/** What became of a fit on all images. */
export interface HeadFit {
  /** Weight [features, classes] and bias [classes] for standardised features. */
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly l2: number;
  /** Mean cross-entropy over all images in nats, without the penalty. */
  readonly loss: number;
  /** Percent of all images that are right. */
  readonly top1: number;
  readonly iterations: number;
}

export interface FitHeadOptions {
  /** Strengths of the penalty l2/2·|weight|² beside the mean loss, for standardised features; strongest first. */
  readonly strengths: readonly number[];
  /** Images that are kept from the fits that choose; without any, the middle strength is taken. */
  readonly holdout: Holdout | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Half decades; the best one for standardised embeddings lies within for 2 to 1000 classes. */
export const defaultStrengths: readonly number[] = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001];

/** Shares of the loss by which fits may miss the optimum: to choose, and to keep. */
const chooses = 1e-2;
const keeps = 1e-4;

/**
 * Fits a linear classifier by multinomial logistic regression. The strength of its L2 penalty is the one with the
 * least loss on the images that are held out; the fit that is kept sees all of them. Each strength starts from the
 * fit of the one before, and the search ends when the loss has risen twice.
 */
export async function* fitHead(
  objective: HeadObjective,
  examples: Pick<Examples, "rows" | "length" | "numClasses">,
  { strengths, holdout, signal }: FitHeadOptions,
): AsyncGenerator<StrengthTried, HeadFit, undefined> {
  const fit = (rows: Rows, l2: number, start: Float32Array<ArrayBuffer>, miss: number): Promise<Minimum> =>
    minimise((point) => objective.penalised(point, rows, l2), start, {
      // What is strongly convex lies at most |gradient|²/2l2 above its minimum.
      done: (value, squaredNorm) => squaredNorm <= 2 * l2 * miss * value,
      signal,
    });

  let start = new Float32Array((examples.length + 1) * examples.numClasses);
  let best: (StrengthTried & { readonly point: Float32Array<ArrayBuffer> }) | undefined;
  let risen = 0;
  const nothing = new Uint32Array();
  const { kept, heldOut } = holdout ?? { kept: nothing, heldOut: nothing };
  for (const l2 of heldOut.length > 0 ? strengths : []) {
    ({ point: start } = await fit(kept, l2, start, chooses));
    const tried = { l2, ...(await objective.measure(start, heldOut)) };
    yield tried;
    if (best === undefined || tried.loss < best.loss) {
      best = { ...tried, point: start };
      risen = 0;
    } else if (++risen === 2) break;
  }

  const all = Uint32Array.from({ length: examples.rows }, (_, row) => row);
  const l2 = best?.l2 ?? strengths[Math.floor(strengths.length / 2)]!;
  const { point, iterations } = await fit(all, l2, best?.point ?? start, keeps);
  return { parameters: point, l2, ...(await objective.measure(point, all)), iterations };
}

/** Mean and standard deviation of each feature. */
export interface FeatureStatistics {
  readonly mean: Float64Array;
  /** 1 for a feature that never changes, which says nothing. */
  readonly std: Float64Array;
}

/** A linear classifier as state dicts hold it: weight [classes, features], bias [classes]. */
export interface LinearHead {
  readonly weight: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/** Mean and standard deviation over the rows. */
export function featureStatistics({ rows, length, features }: Examples): FeatureStatistics {
  const mean = new Float64Array(length);
  const std = new Float64Array(length);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < length; j++) mean[j]! += features[row * length + j]!;
  }
  // The sum of equal float32 numbers is exact, so that a feature that never changes has no deviation.
  for (let j = 0; j < length; j++) mean[j]! /= rows;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < length; j++) std[j]! += (features[row * length + j]! - mean[j]!) ** 2 / rows;
  }
  return { mean, std: std.map((variance) => Math.sqrt(variance) || 1) };
}

/** The same examples with features of mean 0 and standard deviation 1. */
export function standardise(examples: Examples, { mean, std }: FeatureStatistics): Examples {
  const { length, features } = examples;
  return {
    ...examples,
    features: features.map((value, index) => (value - mean[index % length]!) / std[index % length]!),
  };
}

/**
 * The head for features as they come: w·(x - m)/s + b = (w/s)·x + (b - w·m/s).
 *
 * @param parameters Weight [features, classes] and bias [classes] for standardised features.
 */
export function foldStatistics(
  parameters: Float32Array,
  numClasses: number,
  { mean, std }: FeatureStatistics,
): LinearHead {
  const length = mean.length;
  const weight = new Float32Array(length * numClasses);
  const bias = new Float64Array(parameters.subarray(length * numClasses));
  for (let j = 0; j < length; j++) {
    for (let k = 0; k < numClasses; k++) {
      const scaled = parameters[j * numClasses + k]! / std[j]!;
      weight[k * length + j] = scaled;
      bias[k]! -= scaled * mean[j]!;
    }
  }
  return { weight, bias: Float32Array.from(bias) };
}
