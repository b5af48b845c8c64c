import type { Recipe } from "./fields.ts";

/** The values of a recipe that the learning rate depends on. */
export type ScheduleOptions = Pick<
  Recipe,
  | "learningRate"
  | "referenceBatch"
  | "batchSize"
  | "schedule"
  | "drops"
  | "dropFactor"
  | "milestones"
  | "finalFactor"
  | "warmUp"
  | "warmUpStart"
>;

/**
 * The learning rate of a step.
 *
 * @param progress Share of the run's images that were processed before the step, from 0 to below 1.
 */
export function learningRateAt(options: ScheduleOptions, progress: number): number {
  const { batchSize, referenceBatch, warmUp, warmUpStart } = options;
  const scale = referenceBatch === null ? 1 : batchSize / referenceBatch;
  const peak = options.learningRate * scale;
  if (progress < warmUp) {
    const start = warmUpStart * scale;
    return start + (peak - start) * (progress / warmUp);
  }
  return peak * factors[options.schedule](options, progress);
}

/** A product of shares such as 2 / 3 of a run may miss the step by a rounding. */
const rounding = 1e-9;

type Factor = (options: ScheduleOptions, progress: number) => number;

const factors: { readonly [S in Recipe["schedule"]]: Factor } = {
  constant: () => 1,
  step: ({ drops, dropFactor }, progress) => dropFactor ** dropsUntil(progress, drops),
  multistep: ({ milestones, dropFactor }, progress) =>
    dropFactor ** milestones.filter((milestone) => progress + rounding >= milestone).length,
  halving: ({ drops }, progress) => 0.5 ** dropsUntil(progress, drops),
  // From the end of the warm-up: f + (1 - f) (1 + cos πt) / 2
  cosine({ finalFactor, warmUp }, progress) {
    const time = (progress - warmUp) / (1 - warmUp);
    return finalFactor + ((1 - finalFactor) * (1 + Math.cos(Math.PI * time))) / 2;
  },
};

/** How many of so many drops, equally spaced over the run, have come. */
const dropsUntil = (progress: number, drops: number): number =>
  Math.min(drops, Math.floor(progress * (drops + 1) + rounding));
