import { learningRateAt } from "../recipe/index.ts";
import type { EpochEvent, EpochsEvent } from "./events.ts";
import { afterEpoch, meansOf } from "./position.ts";
import { finiteState, saveLast, type Run, type Validated } from "./run.ts";

/** Validates an epoch whose steps were taken, and keeps its weights. */
export async function* completeEpoch(run: Run): AsyncGenerator<EpochsEvent, void, undefined> {
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
    ...(validated ? { valLoss: validated.loss, valTop1: validated.top1, valTop5: validated.top5 } : {}),
    imagesPerSecond,
    peakMemoryBytes: peakMemory(),
    // Without validation images, and when none of them could be read, the latest weights are the best known.
    best: !(validated && validated.top1 <= before),
  };
}
