import * as z from "zod";
import { elementCount, UsageError } from "../../core/index.ts";
import { family, parametersOf, type ModelConfig } from "../../nn/index.ts";
import { adamW, sgd } from "../optimizers.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { StepResult } from "../step/training-step.ts";
import { trainingLoss } from "../training-loss.ts";
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

/** The plan of a run over so many images, of which what fills no whole batch is left out of an epoch. */
export const planOver = (recipe: Parameters<typeof trainingPlan>[0], images: number): TrainingPlan =>
  trainingPlan(recipe, Math.max(1, Math.floor(images / recipe.batchSize)));

/**
 * The recipe for a number of images: a set with fewer than a batch is taken as a whole at each step.
 *
 * A micro-batch that was asked for goes on dividing the batch, so up to one of its images may be left out of an epoch.
 * Nothing else changes: the learning rate is scaled from `referenceBatch`, as that of any batch of this size.
 *
 * @param ranks Processes that share each batch evenly.
 */
export function fitBatch(recipe: Recipe, images: number, ranks = 1): Recipe {
  const { batchSize, microBatch } = recipe;
  if (images >= batchSize) return recipe;
  return microBatch === null || images < microBatch * ranks
    ? { ...recipe, batchSize: images - (images % ranks), microBatch: null }
    : { ...recipe, batchSize: images - (images % (microBatch * ranks)) };
}

/**
 * Refuses a recipe that a network cannot be trained by.
 *
 * @param inputSize Height and width of the images.
 * @param ranks Processes that share each batch.
 * @throws UsageError `train/recipe` for more last stages than there are, and for pairs of views of one image alone;
 *   `train/batch-norm` where a normalisation
 *   would use the statistics of one value.
 */
export function checkNetwork(recipe: Recipe, config: ModelConfig, inputSize: number, ranks = 1): void {
  const { mode, lastStages, batchSize, microBatch, batchNorm } = recipe;
  if (mode === "head") return;
  const { length } = family.stages(config);
  if (mode === "last-stages" && lastStages > length) {
    throw new UsageError(
      "train/recipe",
      `lastStages (${lastStages}): the network has ${length} stages. Give at most ${length}, or take mode full, which trains what comes before them too.`,
    );
  }
  const atOnce = microBatch ?? batchSize / ranks;
  if (mode === "adapt" && atOnce < 2) {
    throw new UsageError(
      "train/recipe",
      "mode adapt: one image at once has no other to be told apart from. Give more images, or compute more at once (microBatch, batchSize).",
    );
  }
  // Defining the network shows each normalisation what it will see.
  const numClasses = Math.max(1, config.numClasses);
  trainingLoss({ ...config, numClasses }, { batchSize: atOnce, inputSize, batchNorm });
}

/** About how much a run writes, in bytes. */
export interface RunBytes {
  /** Of all its files in the end. */
  readonly stays: number;
  /** Of a checkpoint that stands beside the one that it replaces. */
  readonly passes: number;
}

/** About what a page takes, with its pictures. */
const pageBytes = 200_000;
const rowBytes = 400;

/** About how much a run by a recipe writes. @param plan Left out in mode `head`, and where it is not known yet */
export function runBytes(recipe: Recipe, config: ModelConfig, plan?: TrainingPlan): RunBytes {
  const { mode, checkpointEvery } = recipe;
  const { weights, state } = tensorBytes(recipe, config);
  if (mode === "head") return { stays: weights + pageBytes, passes: 0 };
  const { steps = 0, stepsPerRow = 1, epochs = 0 } = plan ?? {};
  const kept = checkpointEvery === null ? 0 : Math.floor(epochs / checkpointEvery);
  const rows = steps / stepsPerRow + epochs;
  return { stays: state + (1 + kept) * weights + rows * rowBytes + pageBytes, passes: state };
}

/** Bytes of the weights for inference, and of all that training goes on from. */
export function tensorBytes(
  recipe: Recipe,
  config: ModelConfig,
): { readonly weights: number; readonly state: number } {
  const trains = trainedParameters(recipe, config);
  const slots = optimizerOf(recipe).slots.length;
  const averages = recipe.emaDecay === null ? 0 : 1;
  const sizes = parametersOf(config).map(({ name, kind, dims }) => ({
    own: 4 * elementCount(dims),
    copies: kind === "parameter" ? (trains(name) ? slots + averages : 0) : averages,
  }));
  const weights = sizes.reduce((sum, { own }) => sum + own, 0);
  return { weights, state: sizes.reduce((sum, { own, copies }) => sum + own * copies, weights) };
}

/** Number of steps that have been taken when an epoch, counted from 0, ends. */
export function endOfEpoch({ steps, batchesPerEpoch }: TrainingPlan, epoch: number): number {
  return Math.min(steps, (epoch + 1) * batchesPerEpoch);
}

/** The training program that a recipe asks for. @param ranks Processes that share its batch; one takes it alone */
export function programOptions(
  recipe: Recipe,
  config: ModelConfig,
  inputSize: number,
  ranks = 1,
): TrainingProgramOptions {
  const { batchSize, microBatch, clipNorm, emaDecay, headRateFactor } = recipe;
  const { mode, temperature, batchNorm, dropRate, dropPathRate } = recipe;
  const share = batchSize / ranks;
  const atOnce = microBatch ?? share;
  return {
    batchSize: atOnce,
    accumulate: share / atOnce,
    ranks,
    flatGradients: ranks > 1,
    inputSize,
    ...(mode === "adapt" ? { contrastive: { temperature } } : {}),
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
  if (mode !== "last-stages") return () => true;
  const stages = family.stages(config);
  const trained = stages.slice(Math.max(stages.length - lastStages, 0));
  return (name) => isClassifier(name) || trained.some((stage) => name.startsWith(`${stage.name}.`));
}

const isClassifier = (name: string): boolean => Object.values(family.classifier).includes(name);

/** Sums over steps, of which rows of the history are the means. */
interface Tally {
  readonly images: number;
  /** Losses times images. */
  readonly loss: number;
  readonly correct: number;
  /** Time of the steps and of waiting for their batches. */
  readonly seconds: number;
}

/** How good the best weights are, and when they were. */
export interface BestEpoch {
  /** Counted from 1. */
  readonly epoch: number;
  /** In percent; null without validation images, where the last epoch is the best. */
  readonly top1: number | null;
}

/** Where a run is: all that it needs to go on as if it had never stopped, besides the state of the training step. */
export interface TrainingPosition {
  /** Steps taken. */
  readonly step: number;
  /** Epochs that were completed and validated. */
  readonly epochs: number;
  /** Since the epoch began. */
  readonly epoch: Tally;
  /** Since the last row of the history. */
  readonly row: Tally;
  readonly best: BestEpoch | null;
}

const none: Tally = { images: 0, loss: 0, correct: 0, seconds: 0 };

/** Before the first step. */
export const startPosition: TrainingPosition = { step: 0, epochs: 0, epoch: none, row: none, best: null };

const count = z.int().min(0);
const tally = z.strictObject({ images: count, loss: z.number(), correct: z.number(), seconds: z.number() });

/** Reads a position that was saved. */
export const positionSchema: z.ZodType<TrainingPosition> = z.strictObject({
  step: count,
  epochs: count,
  epoch: tally,
  row: tally,
  best: z.strictObject({ epoch: count, top1: z.number().nullable() }).nullable(),
});

/** The position after one more step. */
export function afterStep(
  position: TrainingPosition,
  images: number,
  { loss, correct }: Pick<StepResult, "loss" | "correct">,
  seconds: number,
): TrainingPosition {
  const add = (sums: Tally): Tally => ({
    images: sums.images + images,
    loss: sums.loss + loss * images,
    correct: sums.correct + correct,
    seconds: sums.seconds + seconds,
  });
  return { ...position, step: position.step + 1, epoch: add(position.epoch), row: add(position.row) };
}

/** The position after a row of the history was written. */
export function afterRow(position: TrainingPosition): TrainingPosition {
  return { ...position, row: none };
}

/** The position after an epoch was completed. */
export function afterEpoch(position: TrainingPosition, best: BestEpoch): TrainingPosition {
  return { ...position, epochs: position.epochs + 1, epoch: none, best };
}

/** Mean loss, top-1 in percent and speed of what was added up. */
export function meansOf({ images, loss, correct, seconds }: Tally): {
  readonly loss: number;
  readonly top1: number;
  readonly imagesPerSecond: number;
} {
  return { loss: loss / images, top1: (100 * correct) / images, imagesPerSecond: images / seconds };
}
