import { deriveSeed, seededRandom } from "../../core/index.ts";
import { ascending, shuffle, stream } from "../../data/loader/epoch-order.ts";
import type { Embeddings } from "../../train/index.ts";

export interface ClusterOptions {
  /** Clusters at most. */
  readonly count: number;
  readonly seed: number;
}

const rounds = 8;

/**
 * Divides some embeddings into clusters by spherical k-means: each belongs to the centre with the greatest cosine, and a centre has
 * the direction of the mean of the unit vectors that belong to it (Dhillon and Modha, 2001). It begins at random rows and takes 8
 * rounds.
 *
 * @param rows Which embeddings.
 * @returns The cluster of each of the rows, in their order; some clusters may be empty.
 */
export function clusters(
  embeddings: Embeddings,
  rows: readonly number[],
  { count, seed }: ClusterOptions,
): readonly number[] {
  const { length } = embeddings;
  const units = rows.map((row) => unit(embeddings.features.subarray(row * length, (row + 1) * length)));
  const random = seededRandom(deriveSeed(stream.clusters, seed));
  let centres = [...shuffle(ascending(rows.length), random).subarray(0, count)].map((row) => units[row]!);
  let nearest = units.map((own) => nearestOf(own, centres));
  for (let round = 0; round < rounds; round++) {
    const sums = centres.map(() => new Float64Array(length));
    units.forEach((own, index) => {
      const sum = sums[nearest[index]!]!;
      for (let j = 0; j < length; j++) sum[j]! += own[j]!;
    });
    const filled = new Set(nearest);
    centres = centres.map((centre, index) => (filled.has(index) ? unit(sums[index]!) : centre));
    nearest = units.map((own) => nearestOf(own, centres));
  }
  return nearest;
}

function unit(values: ArrayLike<number>): Float64Array {
  const vector = Float64Array.from(values);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / (length || 1));
}

function nearestOf(own: Float64Array, centres: readonly Float64Array[]): number {
  let best = 0;
  let most = -Infinity;
  centres.forEach((centre, index) => {
    let product = 0;
    for (let j = 0; j < own.length; j++) product += own[j]! * centre[j]!;
    if (product > most) [best, most] = [index, product];
  });
  return best;
}
