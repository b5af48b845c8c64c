import type { ResNetConfig } from "../../nn/index.ts";
import { adamW } from "../optimizers/adamw.ts";
import { sgd } from "../optimizers/sgd.ts";
import type { Recipe } from "../recipe/index.ts";
import type { TrainingProgramOptions } from "../training-program.ts";

/** The training program that a recipe asks for. */
export function programOptions(
  recipe: Recipe,
  { layers }: Pick<ResNetConfig, "layers">,
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
    trains: trainedParameters(recipe, layers.length),
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

function trainedParameters({ mode, lastStages }: Recipe, stages: number): (name: string) => boolean {
  if (mode === "full") return () => true;
  const first = stages - lastStages + 1;
  return (name) => isClassifier(name) || Number(/^layer(\d)\./.exec(name)?.[1] ?? 0) >= Math.max(first, 1);
}

const isClassifier = (name: string): boolean => name.startsWith("fc.");
