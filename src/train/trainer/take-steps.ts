import type { TrainingBatch } from "../../data/index.ts";
import type { StepResult } from "../step/index.ts";
import { explainMemory, notFinite } from "./errors.ts";
import type { EpochsEvent, StepEvent } from "./events.ts";
import { endOfEpoch } from "./plan.ts";
import { afterRow, afterStep, meansOf } from "./position.ts";
import { finiteState, nextLearningRate, saveLast, type Run } from "./run.ts";

/** Takes the steps that the epoch still has. */
export async function* takeSteps(run: Run): AsyncGenerator<EpochsEvent, void, undefined> {
  const { parts, signal } = run;
  const { plan, loader, store, recipe } = parts;
  const epoch = run.position.epochs;
  const end = endOfEpoch(plan, epoch);
  const fromBatch = run.position.step - epoch * plan.batchesPerEpoch;
  if (run.position.step === end) return;

  let began = performance.now();
  for await (const batch of loader.epoch(epoch, { fromBatch, signal })) {
    for (const skipped of batch.skipped) yield { type: "skipped", ...skipped };
    const learningRate = nextLearningRate(run);
    const result = await takeStep(run, batch, learningRate);
    run.position = afterStep(run.position, batch.size, result, (performance.now() - began) / 1000);
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
  { parts: { step, recipe }, position, checkpoint }: Run,
  { images, targets }: TrainingBatch,
  learningRate: number,
): Promise<StepResult> {
  const number = position.step + 1;
  let result: StepResult;
  try {
    result = await step.run({ images, targets }, { learningRate, step: number });
  } catch (error) {
    throw explainMemory(error, recipe);
  }
  if (Number.isFinite(result.loss)) return result;
  throw notFinite({ what: `the loss is ${result.loss}`, step: number, learningRate, checkpoint });
}

function rowOf({ position, parts: { plan } }: Run, learningRate: number): StepEvent {
  const { step, epochs, row } = position;
  const imagesProcessed = step * plan.batchSize;
  return { type: "step", step, epoch: epochs + 1, imagesProcessed, learningRate, ...meansOf(row) };
}
