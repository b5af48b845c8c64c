import type { ArmRun } from "./data.ts";
import { spread } from "./spread.ts";

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
 * same seeds, else Welch's with its degrees of freedom rounded down. A single run shows nothing of the seeds' noise: then the interval is that of two shares
 * of `images` images.
 */
export function gain(baseline: readonly ArmRun[], runs: readonly ArmRun[], images: number): Gain {
  const from = spread(baseline.map(({ top1 }) => top1));
  const to = spread(runs.map(({ top1 }) => top1));
  const points = to.mean - from.mean;
  const differences = pairs(baseline, runs);
  if (differences) {
    const { deviation, count } = spread(differences);
    return judged(points, (deviation! / Math.sqrt(count)) * studentT(count - 1), "paired seeds");
  }
  if (from.deviation !== undefined && to.deviation !== undefined) {
    const a = from.deviation ** 2 / from.count;
    const b = to.deviation ** 2 / to.count;
    const freedom = (a + b) ** 2 / (a ** 2 / (from.count - 1) + b ** 2 / (to.count - 1));
    return judged(points, a + b === 0 ? 0 : Math.sqrt(a + b) * studentT(freedom), "seeds");
  }
  const variance = (share: number): number => (share * (100 - share)) / images;
  return judged(points, normal * Math.sqrt(variance(from.mean) + variance(to.mean)), "images");
}

/** Differences seed by seed; undefined unless both arms have the same two or more. */
function pairs(baseline: readonly ArmRun[], runs: readonly ArmRun[]): readonly number[] | undefined {
  const bySeed = new Map(baseline.map(({ seed, top1 }) => [seed, top1]));
  const paired = runs.length > 1 && runs.length === bySeed.size && baseline.length === bySeed.size;
  if (!paired || !runs.every(({ seed }) => bySeed.has(seed))) return undefined;
  return runs.map(({ seed, top1 }) => top1 - bySeed.get(seed)!);
}

function judged(points: number, half: number, basis: Gain["basis"]): Gain {
  const [low, high] = [points - half, points + half];
  return { points, low, high, basis, verdict: low > 0 ? "better" : high < 0 ? "worse" : "unclear" };
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
