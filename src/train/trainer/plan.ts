import type { Recipe } from "../recipe/index.ts";

/** How long a run is, counted in steps. */
export interface TrainingPlan {
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
  readonly steps: number;
  /** Passes over the images, the last of which may end early. */
  readonly epochs: number;
  /** Steps that one row of the history averages. */
  readonly stepsPerRow: number;
}

/** More points than any curve shows. */
const mostRows = 2000;

/** The plan of a run over batches of an epoch; a length in images is rounded up to whole batches. */
export function trainingPlan(
  { epochs, images, batchSize }: Pick<Recipe, "epochs" | "images" | "batchSize">,
  batchesPerEpoch: number,
): TrainingPlan {
  const steps = images === null ? (epochs ?? 1) * batchesPerEpoch : Math.ceil(images / batchSize);
  return {
    batchSize,
    batchesPerEpoch,
    steps,
    epochs: Math.ceil(steps / batchesPerEpoch),
    stepsPerRow: Math.ceil(steps / mostRows),
  };
}

/** Number of steps that have been taken when an epoch, counted from 0, ends. */
export function endOfEpoch({ steps, batchesPerEpoch }: TrainingPlan, epoch: number): number {
  return Math.min(steps, (epoch + 1) * batchesPerEpoch);
}
