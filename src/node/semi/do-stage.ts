import type { Manifest, Stage } from "../../semi/index.ts";
import { packageVersion } from "../package-version.ts";
import type { SemiContext } from "./context.ts";
import type { SemiEvent } from "./events.ts";
import { clearFolder, removePartials, writeManifest } from "./stage-folder.ts";
import { hashOutputs, standingOf, type Standing } from "./stage-status.ts";
import { openStage } from "./stages/index.ts";
import type { StageWork } from "./stages/stage-work.ts";

/** Does what a stage still needs. @returns how it ended; `skipped` where nothing was to do. */
export async function* doStage(
  context: SemiContext,
  stage: Stage,
): AsyncGenerator<SemiEvent, "done" | "skipped" | "stopped", undefined> {
  const { signal } = context;
  try {
    signal?.throwIfAborted();
    const work = await openStage(context, stage);
    const standing = await standingOf(context, stage.folder, work);
    const done = yield* completed(context, stage, work, standing);
    if (done) {
      const skipped = standing.status === "done";
      yield { type: "stage-finished", stage: stage.folder, kind: stage.kind, skipped, manifest: done };
      return skipped ? "skipped" : "done";
    }
  } catch (error) {
    // An abort ends a stage as a stop of its own does.
    if (!signal?.aborted) throw error;
  }
  yield { type: "stopped", stage: stage.folder };
  return "stopped";
}

/** @returns undefined when the stage was stopped. */
async function* completed(
  context: SemiContext,
  { folder, kind }: Stage,
  work: StageWork,
  { manifest: before, status, changes }: Standing,
): AsyncGenerator<SemiEvent, Manifest | undefined, undefined> {
  if (status === "done") return before;
  const path = context.path(folder);
  if (status === "to redo" && !work.isIncremental) await clearFolder(path);
  else await removePartials(path);
  yield { type: "stage-started", stage: folder, kind, status, changes };

  const began = performance.now();
  const earlier = status === "to resume" ? before!.seconds : 0;
  const manifest = (rest: Pick<Manifest, "status" | "outputs" | "counts">): Manifest => ({
    format: 1,
    stage: kind,
    software: `ssl-resnext ${packageVersion()}`,
    ...work.origin,
    seconds: earlier + (performance.now() - began) / 1000,
    ...rest,
  });
  const saveRunning = (): Promise<void> =>
    writeManifest(path, manifest({ status: "running", outputs: {}, counts: {} }));
  await saveRunning();
  await context.fingerprints.save();
  const outcome = yield* savingNowAndThen(work.run(), saveRunning);
  if (!outcome) {
    await saveRunning();
    return undefined;
  }
  const outputs = await hashOutputs(context, folder, outcome.outputs);
  const done = manifest({ status: "done", outputs, counts: outcome.counts });
  await writeManifest(path, done);
  return done;
}

const millisecondsBetweenSaves = 10_000;

/** Passes work on, and saves while it lasts: the time of a process that is killed counts too. */
async function* savingNowAndThen<Result>(
  work: AsyncGenerator<SemiEvent, Result, undefined>,
  save: () => Promise<void>,
): AsyncGenerator<SemiEvent, Result, undefined> {
  let saved = performance.now();
  try {
    for (;;) {
      const next = await work.next();
      if (next.done) return next.value;
      yield next.value;
      if (performance.now() - saved < millisecondsBetweenSaves) continue;
      await save();
      saved = performance.now();
    }
  } finally {
    await work.return(undefined as Result);
  }
}
