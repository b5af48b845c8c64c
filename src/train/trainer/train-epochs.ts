import { SessionError, TrainingError, type Tensor } from "../../core/index.ts";
import type { SkippedImage, TrainingBatch, TrainingLoader } from "../../data/index.ts";
import type { Recipe } from "../recipe/fields.ts";
import { learningRateAt } from "../recipe/learning-rate.ts";
import type { StepResult, TrainingStep } from "../step/training-step.ts";
import type { CheckpointEvent, EpochEvent, EpochsEvent, StepEvent } from "./events.ts";
import {
  afterEpoch,
  afterRow,
  afterStep,
  endOfEpoch,
  meansOf,
  type TrainingPlan,
  type TrainingPosition,
} from "./plan.ts";

/**
 * Trains from a position to the end of the plan.
 *
 * An abort of the signal ends the run between two steps, after what it needs to go on was saved.
 *
 * @returns the position that was reached.
 * @throws TrainingError `train/not-finite`, `train/out-of-memory`; what loader, step, validation and store throw. The
 *   last checkpoint is then as it was.
 */
export async function* trainEpochs(
  parts: TrainingParts,
  from: TrainingPosition,
  {
    checkpoint,
    signal,
  }: { readonly checkpoint?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<EpochsEvent, TrainingPosition, undefined> {
  const run: Run = { parts, signal, position: from, checkpoint, savedAt: performance.now() };
  try {
    while (run.position.epochs < parts.plan.epochs && !isStalled(run)) {
      signal?.throwIfAborted();
      yield* takeSteps(run);
      yield* completeEpoch(run);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
    const { step, path } = await saveLast(run, await finiteState(run));
    yield { type: "stopped", step, path };
  }
  const { epochs, best } = run.position;
  if (best && isStalled(run) && epochs < parts.plan.epochs) {
    yield { type: "no-better", epoch: epochs, epochs: parts.plan.epochs, best: best.epoch };
  }
  return run.position;
}

/** Whether as many epochs as the recipe's patience were no better than the best one. */
function isStalled({ parts, position: { best, epochs } }: Run): boolean {
  const { patience } = parts.recipe;
  return patience !== null && best !== null && epochs - best.epoch >= patience;
}

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
  /** Images that could be measured. */
  readonly count: number;
}

/** What there is to tell of a step. */
export interface StepOutcome extends Pick<StepResult, "loss" | "correct"> {
  readonly skipped: readonly SkippedImage[];
}

/** What a run over epochs is put together from. */
export interface TrainingParts {
  readonly recipe: Recipe;
  readonly plan: TrainingPlan;
  readonly step: TrainingStep;
  readonly loader: Pick<TrainingLoader, "epoch" | "recycle">;
  /** Measures the weights of an epoch, counted from 1; left out without validation images. */
  readonly validate?:
    | ((state: TrainingState, epoch: number, signal: AbortSignal | undefined) => Promise<Validated>)
    | undefined;
  readonly store: RunStore;
  /** What all processes that share the steps made of one. @default what this process made of it */
  readonly gather?: ((own: StepOutcome) => Promise<StepOutcome>) | undefined;
  /** Bytes that the run took at most. */
  readonly peakMemory: () => number | undefined;
}

/** A run that is under way. */
interface Run {
  readonly parts: TrainingParts;
  readonly signal: AbortSignal | undefined;
  position: TrainingPosition;
  /** The checkpoint that was saved last. */
  checkpoint: string | undefined;
  /** When that was, in milliseconds. */
  savedAt: number;
}

/** The learning rate of the step that comes next. */
function nextLearningRate({ parts: { recipe, plan }, position }: Run): number {
  return learningRateAt(recipe, position.step / plan.steps);
}

/**
 * The state of the step.
 *
 * @throws TrainingError `train/not-finite`: such a state must not replace a good checkpoint.
 */
async function finiteState({ parts, position, checkpoint }: Run): Promise<TrainingState> {
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
async function saveLast(run: Run, state: TrainingState): Promise<CheckpointEvent> {
  const { position } = run;
  run.checkpoint = await run.parts.store.saveLast(state, position);
  run.savedAt = performance.now();
  return { type: "checkpoint", kind: "last", path: run.checkpoint, step: position.step };
}

/** Takes the steps that the epoch still has. */
async function* takeSteps(run: Run): AsyncGenerator<EpochsEvent, void, undefined> {
  const { parts, signal } = run;
  const { plan, loader, store, recipe } = parts;
  const epoch = run.position.epochs;
  const end = endOfEpoch(plan, epoch);
  const fromBatch = run.position.step - epoch * plan.batchesPerEpoch;
  if (run.position.step === end) return;

  let began = performance.now();
  for await (const batch of loader.epoch(epoch, { fromBatch, signal })) {
    const learningRate = nextLearningRate(run);
    const outcome = await takeStep(run, batch, learningRate);
    for (const skipped of outcome.skipped) yield { type: "skipped", ...skipped };
    run.position = afterStep(run.position, plan.batchSize, outcome, (performance.now() - began) / 1000);
    const { step } = run.position;
    if (step % plan.stepsPerRow === 0 || step === plan.steps) {
      const row = rowOf(run, learningRate);
      await store.append(row);
      run.position = afterRow(run.position);
      yield row;
    }
    if (step === end) return;
    if (performance.now() - run.savedAt >= recipe.saveMinutes * 60_000) {
      yield await saveLast(run, await finiteState(run));
    }
    // An abort is met between two steps, whether or not the loader has a batch ready.
    signal?.throwIfAborted();
    began = performance.now();
  }
}

async function takeStep(
  { parts: { step, loader, recipe, gather }, position, checkpoint }: Run,
  batch: TrainingBatch,
  learningRate: number,
): Promise<StepOutcome> {
  const { images, targets, skipped } = batch;
  const number = position.step + 1;
  let result: StepResult;
  try {
    result = await step.run({ images, targets }, { learningRate, step: number });
  } catch (error) {
    throw explainMemory(error, recipe);
  }
  loader.recycle(batch, result.batch);
  const own = { loss: result.loss, correct: result.correct, skipped };
  const outcome = gather ? await gather(own) : own;
  if (Number.isFinite(outcome.loss)) return outcome;
  throw notFinite({ what: `the loss is ${outcome.loss}`, step: number, learningRate, checkpoint });
}

function rowOf({ position, parts: { plan } }: Run, learningRate: number): StepEvent {
  const { step, epochs, row } = position;
  const imagesProcessed = step * plan.batchSize;
  return { type: "step", step, epoch: epochs + 1, imagesProcessed, learningRate, ...meansOf(row) };
}

/** Validates an epoch whose steps were taken, and keeps its weights. */
async function* completeEpoch(run: Run): AsyncGenerator<EpochsEvent, void, undefined> {
  const { parts, signal, position } = run;
  const { recipe, store } = parts;
  const state = await finiteState(run);
  const number = position.epochs + 1;
  const validated = await parts.validate?.(state, number, signal);
  const epoch = epochOf(run, validated);

  const kinds = [
    ...(epoch.best ? (["best"] as const) : []),
    ...(recipe.checkpointEvery !== null && number % recipe.checkpointEvery === 0 ? (["epoch"] as const) : []),
  ];
  for (const kind of kinds) {
    const path = await store.saveWeights(kind, state, epoch);
    yield { type: "checkpoint", kind, path, step: position.step };
  }
  await store.append(epoch);
  const best =
    epoch.best || !position.best ? { epoch: number, top1: validated?.top1 ?? null } : position.best;
  run.position = afterEpoch(position, best);
  yield await saveLast(run, state);
  yield epoch;
}

function epochOf({ parts, position }: Run, validated: Validated | undefined): EpochEvent {
  const { plan, recipe, peakMemory } = parts;
  const { loss, top1, imagesPerSecond } = meansOf(position.epoch);
  const before = position.best?.top1 ?? -1;
  return {
    type: "epoch",
    epoch: position.epochs + 1,
    imagesProcessed: position.step * plan.batchSize,
    trainLoss: loss,
    trainTop1: top1,
    learningRate: learningRateAt(recipe, (position.step - 1) / plan.steps),
    ...(validated
      ? {
          valLoss: validated.loss,
          valTop1: validated.top1,
          valTop5: validated.top5,
          valImages: validated.count,
        }
      : {}),
    imagesPerSecond,
    peakMemoryBytes: peakMemory(),
    // Without validation images, and when none of them could be read, the latest weights are the best known.
    best: !(validated && validated.top1 <= before),
  };
}

/** Where a loss or weight was met that is no finite number. */
interface NotFinite {
  readonly what: string;
  readonly step: number;
  readonly learningRate: number;
  /** The last checkpoint that was saved, if there is one. */
  readonly checkpoint: string | undefined;
}

/** The error for a training that has diverged. */
function notFinite({ what, step, learningRate, checkpoint }: NotFinite): TrainingError {
  const kept =
    checkpoint === undefined ? "No checkpoint was saved before it." : `${checkpoint} is from before it.`;
  return new TrainingError(
    "train/not-finite",
    `Step ${step}, at a learning rate of ${Number(learningRate.toPrecision(4))}: ${what}. The training has diverged: lower the learning rate, lengthen the warm-up, or clip the gradients (clipNorm: 1). ${kept}`,
  );
}

/** The name of the first tensor with an element that is no finite number. */
function findNotFinite(state: ReadonlyMap<string, Tensor<"float32">>): string | undefined {
  for (const [name, { data }] of state) {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return name;
  }
  return undefined;
}

/** Says what to do where the memory does not suffice; other errors pass. */
export function explainMemory(error: unknown, { batchSize, microBatch }: Recipe): unknown {
  if (!(error instanceof SessionError) || error.code !== "runtime/out-of-memory") return error;
  const atOnce = microBatch ?? batchSize;
  const remedy =
    atOnce > 1
      ? `compute fewer at once (microBatch: ${Math.ceil(atOnce / 2)} or less in the recipe, or --micro-batch, which leaves the steps as they are)`
      : "take smaller images (inputSize) or a smaller model";
  return new TrainingError(
    "train/out-of-memory",
    `A step of ${batchSize} images, ${atOnce} of them at once, does not fit into memory: ${remedy}. The last checkpoint is as it was.`,
    { cause: error },
  );
}
