import { accuracyText } from "../../core/index.ts";

/** What a run reached, with its seed; top-1 in percent. */
interface Reached {
  readonly seed: number;
  readonly top1: number;
  /** A 1 for each image that is right and a 0 for each other one, in an order that all runs share. */
  readonly right?: string | undefined;
}

/** Mean of some values and how far they lie apart. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation of the sample; undefined for a single value. */
  readonly deviation: number | undefined;
  readonly count: number;
}

/** Mean and standard deviation (divided by n - 1); the mean of nothing is NaN. */
export function spread(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, deviation: undefined, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/** Mean of values that some do not have, in words; a dash unless all have them. */
export const meanOf = (values: readonly (number | undefined)[], words: (mean: number) => string): string =>
  values.some((value) => value === undefined) ? "–" : words(spread(values as readonly number[]).mean);

/** As in `79.1 ± 0.3`, in the unit of the values. */
export function plusMinus({ mean, deviation }: Spread): string {
  return deviation === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
}

/** The same of accuracies in percent; a single one over few images is a count, as in `3 of 7`. */
export const accuracySpread = (reached: Spread, images: number | undefined): string =>
  reached.deviation === undefined ? accuracyText(reached.mean, images) : `${plusMinus(reached)} %`;

/** How much better one arm is than another, in points of top-1 accuracy. */
export interface Gain {
  readonly points: number;
  /** Ends of the 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
  /** Whether the interval lies above 0, below, or around it. */
  readonly verdict: "better" | "worse" | "unclear";
  /** What the interval accounts for: seeds pair by pair, seeds of each arm, or the choice of images alone. */
  readonly basis: "paired seeds" | "seeds" | "images";
}

/**
 * The gain of `runs` over `baseline`, with Student's t interval over the paired differences where both arms have the
 * same seeds, else Welch's with its degrees of freedom rounded down. A single run shows nothing of the seeds' noise: then the interval
 * is that of the choice of images, {@link pairedInterval}'s where it is known which are right, else that of two shares of `images` images.
 */
export function gain(baseline: readonly Reached[], runs: readonly Reached[], images: number): Gain {
  const from = spread(baseline.map(({ top1 }) => top1));
  const to = spread(runs.map(({ top1 }) => top1));
  const points = to.mean - from.mean;
  const differences = pairs(baseline, runs);
  if (differences) {
    const { deviation, count } = spread(differences);
    return around(points, (deviation! / Math.sqrt(count)) * studentT(count - 1), "paired seeds");
  }
  if (from.deviation !== undefined && to.deviation !== undefined) {
    const a = from.deviation ** 2 / from.count;
    const b = to.deviation ** 2 / to.count;
    const freedom = (a + b) ** 2 / (a ** 2 / (from.count - 1) + b ** 2 / (to.count - 1));
    return around(points, a + b === 0 ? 0 : Math.sqrt(a + b) * studentT(freedom), "seeds");
  }
  const [one, other] = [runs[0]?.right, baseline[0]?.right];
  if (one !== undefined && other !== undefined && runs.length === 1 && baseline.length === 1) {
    const interval = pairedInterval(one.length, onlyRight(one, other), onlyRight(other, one));
    return judged(points, interval, "images");
  }
  const variance = (share: number): number => (share * (100 - share)) / images;
  return around(points, normal * Math.sqrt(variance(from.mean) + variance(to.mean)), "images");
}

/** Differences seed by seed; undefined unless both arms have the same two or more. */
function pairs(baseline: readonly Reached[], runs: readonly Reached[]): readonly number[] | undefined {
  const bySeed = new Map(baseline.map(({ seed, top1 }) => [seed, top1]));
  const paired = runs.length > 1 && runs.length === bySeed.size && baseline.length === bySeed.size;
  if (!paired || !runs.every(({ seed }) => bySeed.has(seed))) return undefined;
  return runs.map(({ seed, top1 }) => top1 - bySeed.get(seed)!);
}

const around = (points: number, half: number, basis: Gain["basis"]): Gain =>
  judged(points, { low: points - half, high: points + half }, basis);

function judged(points: number, { low, high }: Interval, basis: Gain["basis"]): Gain {
  return { points, low, high, basis, verdict: low > 0 ? "better" : high < 0 ? "worse" : "unclear" };
}

/** How many images `one` has right and `other` has not; both hold a 1 or a 0 for each image. */
export function onlyRight(one: string, other: string): number {
  let count = 0;
  for (let image = 0; image < one.length; image++) if (one[image] === "1" && other[image] !== "1") count++;
  return count;
}

/** 97.5 % quantile of the normal distribution. */
const normal = 1.96;

/** 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228] as const;

/** 97.5 % quantile; beyond the table by Cornish and Fisher's expansion, right to two digits. */
function studentT(freedom: number): number {
  const whole = Math.max(1, Math.floor(freedom + 1e-9));
  const z = normal;
  return (
    quantiles[whole - 1] ??
    z + (z ** 3 + z) / (4 * whole) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * whole ** 2)
  );
}

/** One digit after the point, always with a sign, and a true minus. */
export function signed(points: number): string {
  const digits = Math.abs(points).toFixed(1);
  if (Number(digits) === 0) return digits;
  return `${points < 0 ? "−" : "+"}${digits}`;
}

/** A time in its two largest units, as in 3.2 s, 4 min 10 s and 2 h 5 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Ends of a 95 % confidence interval, in points or percent. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The interval of the difference between two models on the same `images`, in points. It reaches as far as the wider of
 * two: Clopper and Pearson's for the share of `onlyFirst` among the images that only one of both has right, so that it
 * never leaves out 0 where McNemar's exact test is not significant at 5 %; and Bonett and Price's (2012), which knows
 * that the number of such images is uncertain, too.
 *
 * @param onlyFirst Images that only the first model has right.
 * @param onlySecond Images that only the second one has right.
 */
export function pairedInterval(images: number, onlyFirst: number, onlySecond: number): Interval {
  const apart = onlyFirst + onlySecond;
  const middle = (onlyFirst - onlySecond) / (images + 2);
  const half = normal * Math.sqrt(((apart + 2) / (images + 2) - middle ** 2) / (images + 2));
  const points = (share: number): number => ((2 * share - 1) * apart) / images;
  const exact = shareInterval(onlyFirst, apart);
  return {
    low: 100 * Math.max(-1, Math.min(points(exact.low), middle - half)),
    high: 100 * Math.min(1, Math.max(points(exact.high), middle + half)),
  };
}

/** Probability that is left out at either end. */
const tail = 0.025;

/** Clopper and Pearson's exact interval of a share, from 0 to 1. */
export function shareInterval(hits: number, total: number): Interval {
  const weights = logBinomials(total);
  // P(X >= hits) rises with the share, P(X <= hits) falls.
  const low = hits === 0 ? 0 : crossing((share) => tail < binomialSum(weights, share, hits, total));
  const high = hits === total ? 1 : crossing((share) => binomialSum(weights, share, 0, hits) < tail);
  return { low, high };
}

/** Where a condition on a share begins to hold. */
function crossing(holds: (share: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** log C(total, k) for k from 0 to `total`. */
function logBinomials(total: number): readonly number[] {
  const weights = [0];
  for (let k = 1; k <= total; k++) weights.push(weights[k - 1]! + Math.log((total - k + 1) / k));
  return weights;
}

/** P(from <= X <= to) of a binomial distribution. */
function binomialSum(weights: readonly number[], share: number, from: number, to: number): number {
  const total = weights.length - 1;
  const [hit, miss] = [Math.log(share), Math.log1p(-share)];
  let sum = 0;
  for (let k = from; k <= to; k++) sum += Math.exp(weights[k]! + k * hit + (total - k) * miss);
  return sum;
}
