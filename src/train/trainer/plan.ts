import { family, type ModelConfig } from "../../nn/index.ts";
import { adamW, sgd } from "../optimizers.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { TrainingProgramOptions } from "../training-program.ts";

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

/** The training program that a recipe asks for. */
export function programOptions(
  recipe: Recipe,
  config: ModelConfig,
  inputSize: number,
): TrainingProgramOptions {
  const { batchSize, microBatch, clipNorm, emaDecay, headRateFactor } = recipe;
  const { batchNorm, dropRate, dropPathRate } = recipe;
  const atOnce = microBatch ?? batchSize;
  return {
    batchSize: atOnce,
    accumulate: batchSize / atOnce,
    inputSize,
    optimizer: optimizerOf(recipe),
    ...(clipNorm === null ? {} : { clipNorm }),
    ...(emaDecay === null ? {} : { emaDecay }),
    rateFactor: (name) => (isClassifier(name) ? headRateFactor : 1),
    trains: trainedParameters(recipe, config),
    batchNorm,
    dropRate,
    dropPathRate,
  };
}

function optimizerOf({
  optimizer,
  momentum,
  nesterov,
  weightDecay,
  decay,
}: Recipe): TrainingProgramOptions["optimizer"] & object {
  return optimizer === "sgd"
    ? sgd({ momentum, nesterov, weightDecay, decay })
    : adamW({ weightDecay, decay });
}

function trainedParameters({ mode, lastStages }: Recipe, config: ModelConfig): (name: string) => boolean {
  if (mode === "full") return () => true;
  const stages = family.stages(config);
  const trained = stages.slice(Math.max(stages.length - lastStages, 0));
  return (name) => isClassifier(name) || trained.some((stage) => name.startsWith(`${stage.name}.`));
}

const isClassifier = (name: string): boolean => Object.values(family.classifier).includes(name);
