import type { Examples } from "./examples.ts";

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
