import type { Tensor } from "../../core/index.ts";
import type { TrainingLoader } from "../../data/index.ts";
import type { Recipe } from "../recipe/index.ts";
import type { TrainingStep } from "../step/index.ts";
import { findNotFinite, notFinite } from "./errors.ts";
import type { CheckpointEvent, EpochEvent, StepEvent } from "./events.ts";
import type { TrainingPlan } from "./plan.ts";
import type { TrainingPosition } from "./position.ts";
import { learningRateAt } from "../recipe/index.ts";

/** All tensors of a training step. */
export type TrainingState = ReadonlyMap<string, Tensor<"float32">>;

/** Where a run keeps what it has; each platform has one of these. */
export interface RunStore {
  /** Adds a row to the history. */
  append(row: StepEvent | EpochEvent): Promise<void>;
  /** Replaces the checkpoint from which the run goes on. @returns its name */
  saveLast(state: TrainingState, position: TrainingPosition): Promise<string>;
  /** Keeps the weights of an epoch for inference. @returns the name of the checkpoint */
  saveWeights(kind: "best" | "epoch", state: TrainingState, epoch: EpochEvent): Promise<string>;
}

/** How good weights are; accuracies in percent. */
export interface Validated {
  readonly loss: number;
  readonly top1: number;
  readonly top5: number;
}

/** What a run over epochs is put together from. */
export interface TrainingParts {
  readonly recipe: Recipe;
  readonly plan: TrainingPlan;
  readonly step: TrainingStep;
  readonly loader: Pick<TrainingLoader, "epoch">;
  /** Measures the weights of an epoch, counted from 1; left out without validation images. */
  readonly validate?:
    | ((state: TrainingState, epoch: number, signal: AbortSignal | undefined) => Promise<Validated>)
    | undefined;
  readonly store: RunStore;
  /** Bytes that the run took at most. */
  readonly peakMemory: () => number | undefined;
}

/** A run that is under way. */
export interface Run {
  readonly parts: TrainingParts;
  readonly signal: AbortSignal | undefined;
  position: TrainingPosition;
  /** The checkpoint that was saved last. */
  checkpoint: string | undefined;
  /** When that was, in milliseconds. */
  savedAt: number;
}

/** The learning rate of the step that comes next. */
export function nextLearningRate({ parts: { recipe, plan }, position }: Run): number {
  return learningRateAt(recipe, position.step / plan.steps);
}

/**
 * The state of the step.
 *
 * @throws TrainingError `train/not-finite`: such a state must not replace a good checkpoint.
 */
export async function finiteState({ parts, position, checkpoint }: Run): Promise<TrainingState> {
  const state = await parts.step.state();
  const name = findNotFinite(state);
  if (name === undefined) return state;
  const { recipe, plan } = parts;
  const learningRate = learningRateAt(recipe, (position.step - 1) / plan.steps);
  throw notFinite({
    what: `${name} has values that are not finite`,
    step: position.step,
    learningRate,
    checkpoint,
  });
}

/** Saves all that the run needs to go on from here. */
export async function saveLast(run: Run, state: TrainingState): Promise<CheckpointEvent> {
  const { position } = run;
  run.checkpoint = await run.parts.store.saveLast(state, position);
  run.savedAt = performance.now();
  return { type: "checkpoint", kind: "last", path: run.checkpoint, step: position.step };
}
