import type { Examples } from "../train/head/head-objective.ts";

/** How much an image is like the others of its class: the cosine of its embedding and their mean, -1 to 1. */
export interface ClassMeans {
  /** Likeness of each labelled row to the other images of its class; NaN for the only one. */
  readonly own: Float64Array;
  /** Likeness of an embedding to the class that it is most like. */
  nearest(embedding: Float32Array): number;
  /** The same of some labelled rows, evenly spread, which have no part in the means that they are compared with. */
  nearestOfLabelled(): Float64Array;
}

/** Labelled rows that tell how like its nearest class an image usually is: more cost time where there are many classes. */
const mostCompared = 2000;

/** The means of classes, of embeddings from which the mean of all was taken. */
export function classMeans({ rows, length, features, labels, numClasses }: Examples): ClassMeans {
  const centre = new Float64Array(length);
  for (let i = 0; i < rows * length; i++) centre[i % length]! += features[i]! / rows;
  const sums = Array.from({ length: numClasses }, () => new Float64Array(length));
  const counts = new Float64Array(numClasses);
  for (let row = 0; row < rows; row++) {
    const sum = sums[labels[row]!]!;
    counts[labels[row]!]!++;
    for (let j = 0; j < length; j++) sum[j]! += features[row * length + j]! - centre[j]!;
  }
  const likeness = (embedding: Float32Array, sum: Float64Array, without: boolean): number => {
    let [product, left, right] = [0, 0, 0];
    for (let j = 0; j < length; j++) {
      const value = embedding[j]! - centre[j]!;
      const mean = without ? sum[j]! - value : sum[j]!;
      product += value * mean;
      left += value * value;
      right += mean * mean;
    }
    return product / (Math.sqrt(left * right) || 1);
  };
  const rowOf = (row: number): Float32Array => features.subarray(row * length, (row + 1) * length);
  const nearestTo = (embedding: Float32Array, own: number): number =>
    sums.reduce((most, sum, index) => {
      const others = counts[index]! - (index === own ? 1 : 0);
      return others > 0 ? Math.max(most, likeness(embedding, sum, index === own)) : most;
    }, -1);
  return {
    own: Float64Array.from({ length: rows }, (_, row) => {
      const label = labels[row]!;
      if (counts[label]! < 2) return Number.NaN;
      return likeness(rowOf(row), sums[label]!, true);
    }),
    nearest: (embedding) => nearestTo(embedding, -1),
    nearestOfLabelled: () => {
      const some = Math.min(rows, mostCompared);
      return Float64Array.from({ length: some }, (_, index) => {
        const row = Math.floor((index * rows) / some);
        return nearestTo(rowOf(row), labels[row]!);
      });
    },
  };
}

/** Fewer images of a class say too little of what is usual in it. */
const leastImages = 8;
/** Distances from the median, in median distances, that are unusual: of a normal distribution, one in 2,000 lies below. */
const unusual = 5;

/**
 * Rows that are unlike their class, the least like it first: those whose likeness lies further below the median of their class
 * than five times the median distance from it.
 */
export function outliers(own: Float64Array, labels: Int32Array, numClasses: number): readonly number[] {
  const limits = Array.from({ length: numClasses }, (_, label) => {
    const values = own.filter((value, row) => labels[row] === label && !Number.isNaN(value));
    if (values.length < leastImages) return -Infinity;
    const middle = quantile(values, 0.5);
    return (
      middle -
      unusual *
        quantile(
          values.map((value) => Math.abs(value - middle)),
          0.5,
        )
    );
  });
  return [...own.keys()]
    .filter((row) => own[row]! < limits[labels[row]!]!)
    .sort((a, b) => own[a]! - own[b]! || a - b);
}

/** The value below which this share of the values lies. */
export function quantile(values: Float64Array, share: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
