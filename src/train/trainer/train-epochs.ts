import { completeEpoch } from "./complete-epoch.ts";
import type { EpochsEvent } from "./events.ts";
import type { TrainingPosition } from "./position.ts";
import { finiteState, saveLast, type Run, type TrainingParts } from "./run.ts";
import { takeSteps } from "./take-steps.ts";

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
    while (run.position.epochs < parts.plan.epochs) {
      signal?.throwIfAborted();
      yield* takeSteps(run);
      yield* completeEpoch(run);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
    const { step, path } = await saveLast(run, await finiteState(run));
    yield { type: "stopped", step, path };
  }
  return run.position;
}
