import { version } from "../../core/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { SemiContext, StageWork } from "../context.ts";
import type { SemiEvent, StageStatus } from "../events.ts";
import type { Stage } from "../plan/stage.ts";
import { prunedFolder } from "../score/pruned-scores.ts";
import { absoluteModel } from "../settings/absolute-paths.ts";
import { openChoose } from "./best.ts";
import {
  changesOf,
  manifestName,
  readManifest,
  writeManifest,
  type Manifest,
  type Origin,
} from "./manifest.ts";
import { openMeasure } from "./measure.ts";
import { openNoneClass } from "./none-class.ts";
import { openScore } from "./score.ts";
import { openSelect } from "./select.ts";
import {
  openAdapt,
  openFit,
  openJoint,
  openOnLabelled,
  openPretrain,
  openSupervised,
  openWeak,
  openWithoutUnlabelled,
} from "./training.ts";

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
  const { storage } = context;
  const path = context.path(folder);
  if (status === "to redo" && !work.isIncremental) await clearFolder(storage, path);
  else await removePartials(storage, path);
  yield { type: "stage-started", stage: folder, kind, status, changes };

  const began = performance.now();
  const earlier = status === "to resume" ? before!.seconds : 0;
  const manifest = (rest: Pick<Manifest, "status" | "outputs" | "counts">): Manifest => ({
    format: 1,
    stage: kind,
    software: `ssl-resnext ${version}`,
    ...work.origin,
    seconds: earlier + (performance.now() - began) / 1000,
    ...rest,
  });
  const saveRunning = (): Promise<void> =>
    writeManifest(storage, path, manifest({ status: "running", outputs: {}, counts: {} }));
  await saveRunning();
  await context.fingerprints.save();
  const outcome = yield* savingNowAndThen(work.run(), saveRunning);
  if (!outcome) {
    await saveRunning();
    return undefined;
  }
  const outputs = await hashOutputs(context, folder, outcome.outputs);
  const done = manifest({ status: "done", outputs, counts: outcome.counts });
  await writeManifest(storage, path, done);
  return done;
}

/** Removes what a process that was killed had not written to its end. */
async function removePartials(storage: Storage, folder: string): Promise<void> {
  for (const place of [folder, prunedFolder(storage, folder)]) {
    if (!(await storage.stat(place))) continue;
    const partials: string[] = [];
    for await (const { name } of storage.list(place)) if (name.endsWith(".partial")) partials.push(name);
    for (const name of partials) await storage.remove(storage.join(place, name));
  }
}

/** Removes everything that a stage left. */
async function clearFolder(storage: Storage, folder: string): Promise<void> {
  // The manifest first: what remains after a kill must not count as complete.
  await storage.remove(storage.join(folder, manifestName));
  await storage.remove(folder);
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

/** What stands of a stage. */
interface Standing {
  readonly manifest: Manifest | undefined;
  readonly status: StageStatus;
  /** What has changed since its files were made. */
  readonly changes: readonly string[];
}

/** Compares what stands in the folder of a stage with what is wanted. */
export async function standingOf(context: SemiContext, folder: string, work: StageWork): Promise<Standing> {
  const manifest = await readManifest(context.storage, context.path(folder));
  if (!manifest) return { manifest, status: "to do", changes: [] };
  const changes = changesOf(withAbsoluteStart(context, manifest), work.origin);
  if (changes.length > 0) return { manifest, status: "to redo", changes };
  if (manifest.status === "running") return { manifest, status: "to resume", changes };
  const missing = (await work.missing?.()) ?? [];
  if (missing.length > 0) return { manifest, status: "to resume", changes: missing };
  const damaged = await damagedOutputs(context, folder, manifest);
  return { manifest, status: damaged.length > 0 ? "to redo" : "done", changes: damaged };
}

/** Earlier versions kept the path of a start as it was given. */
function withAbsoluteStart({ platform }: SemiContext, { settings, inputs }: Origin): Origin {
  const start = settings["start"] as Partial<Record<string, unknown>> | undefined;
  const given = start?.["model"];
  if (typeof given !== "string") return { settings, inputs };
  const model = absoluteModel(platform.storageFor, given);
  const named = Object.entries(inputs).map(([name, hash]) => [name === given ? model : name, hash]);
  return { settings: { ...settings, start: { ...start, model } }, inputs: Object.fromEntries(named) };
}

async function damagedOutputs(
  context: SemiContext,
  folder: string,
  { outputs }: Manifest,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const [file, hash] of Object.entries(outputs)) {
    const path = context.path(folder, file);
    if (!(await isFile(context.storage, path))) damaged.push(`${file} is gone`);
    else if ((await outputHash(context, path)) !== hash) damaged.push(`${file} was changed`);
  }
  return damaged;
}

/** Hash by which later stages know a file; undefined for one that cannot be read. */
async function outputHash(context: SemiContext, path: string): Promise<string | undefined> {
  try {
    return await hashOutput(context, path);
  } catch {
    context.signal?.throwIfAborted();
    return undefined;
  }
}

/** SHA-256 of a file of a stage by which later stages know it: of a checkpoint, what it computes. */
function hashOutput({ fingerprints, signal }: SemiContext, path: string): Promise<string> {
  return path.endsWith(".safetensors") ? fingerprints.model(path, signal) : fingerprints.file(path, signal);
}

const isFile = (storage: Storage, path: string): Promise<boolean> =>
  storage.stat(path).then(
    (found) => found?.kind === "file",
    () => false,
  );

/** The outputs of a stage with their hashes. */
async function hashOutputs(
  context: SemiContext,
  folder: string,
  files: readonly string[],
): Promise<Manifest["outputs"]> {
  const outputs: Record<string, string> = {};
  for (const file of files) outputs[file] = await hashOutput(context, context.path(folder, file));
  return outputs;
}

/** Looks at the inputs of a stage, whose needed stages are complete. */
export function openStage(context: SemiContext, stage: Stage): Promise<StageWork> {
  switch (stage.kind) {
    case "weak":
      return openWeak(context, stage);
    case "score":
      return openScore(context, stage);
    case "select":
      return openSelect(context, stage);
    case "pretrain":
      return openPretrain(context, stage);
    case "supervised":
      return openSupervised(context, stage);
    case "adapt":
      return openAdapt(context, stage);
    case "fit":
      return openFit(context, stage);
    case "none-class":
      return openNoneClass(context, stage);
    case "joint":
      return openJoint(context, stage);
    case "alone":
    case "tune":
    case "tune-alone":
      return openWithoutUnlabelled(context, stage);
    case "measure":
      return openMeasure(context, stage);
    case "choose":
      return openChoose(context, stage);
    case "teach":
    case "finetune":
      break;
  }
  return openOnLabelled(context, stage);
}
