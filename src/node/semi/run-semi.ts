import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  changesOf,
  planRuns,
  resolveSettings,
  settingsText,
  type Manifest,
  type SemiSettings,
  type SettingsLayer,
  type Stage,
  type StageKind,
} from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { lockFile } from "../file-lock.ts";
import { packageVersion } from "../package-version.ts";
import { writeFileAtomic } from "../write-file.ts";
import { missingStage, semiContext, type SemiContext, type SemiExecution } from "./context.ts";
import type { PlannedStage, SemiEvent } from "./events.ts";
import { openFingerprints } from "./fingerprints.ts";
import { openReport, type ContextRun } from "./report/index.ts";
import { clearFolder, readManifest, writeManifest } from "./stage-folder.ts";
import { openStage } from "./stages/index.ts";
import type { StageWork } from "./stages/stage-work.ts";

/** What to do, where, and how the machine is used. */
export interface RunSemiOptions extends Partial<SemiExecution> {
  /** Settings, or layers of them, each of which wins over those before it. */
  readonly settings: Partial<SemiSettings> | readonly SettingsLayer[];
  /** Folder for everything that the run writes. */
  readonly out: string;
  /** Does stages of these kinds only; those that they need have to be complete. @default all */
  readonly only?: readonly StageKind[] | undefined;
  /** Does the variants and the sweep of the settings too. @default false */
  readonly withVariants?: boolean | undefined;
  /** Ends the run; what stands is kept, and the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a student on labelled and unlabelled images: teacher, scores, selection, pre-training, fine-tuning, report.
 *
 * Every stage reads and writes files, with a manifest of what they were made from. A stage whose settings and inputs
 * are those of its manifest is skipped, one that was stopped or killed goes on, and one that has changed is done again.
 * In the end, and whenever the models of one run are measured, `report.html` shows what stands.
 *
 * @throws UsageError `semi/settings`, `semi/missing-stage`; what the stages throw. What stands is kept.
 * @example
 * const settings = { labelled: ["photos"], unlabelled: ["more/*.tar"], teacher: "ssl_resnext50_32x4d" };
 * for await (const event of runSemi({ settings, out: "run" })) console.log(event.type);
 */
export async function* runSemi(options: RunSemiOptions): AsyncGenerator<SemiEvent, void, undefined> {
  const { out, only, signal, device = "cpu", decode = {}, threads, workers } = options;
  const settings = resolveSettings(layersOf(options.settings));
  const runs = planRuns(settings, options.withVariants ?? false);
  await makeFolder(out);
  const unlock = await lockFile(join(out, ".lock"), { signal, onWait: () => undefined });
  const fingerprints = await openFingerprints(join(out, ".fingerprints.json"));
  const execution = { device, decode, threads, workers };
  const work = runs.map((run) => ({
    ...run,
    context: semiContext({ settings: run.settings, out, execution, fingerprints, signal }),
  }));
  try {
    const comment = ["The settings of this run, complete. They can be given again, changed or not."];
    await writeFileAtomic(join(out, "semi.yaml"), [Buffer.from(settingsText(settings, comment))]);
    yield { type: "planned", stages: await planned(work) };
    const looked = new Set<string>();
    const report = openReport(out, settings, work);
    for (const { context, stages } of work) {
      let measured = false;
      for (const stage of stages) {
        if (looked.has(stage.folder)) continue;
        looked.add(stage.folder);
        if (only !== undefined && !only.includes(stage.kind)) {
          await requireNeeded(context, stage, stages, only);
        } else {
          const end = yield* doStage(context, stage);
          if (end === "stopped") return;
          measured = stage.kind === "measure" && end === "done";
        }
      }
      if (measured && stages !== work.at(-1)!.stages) await report.write("running");
    }
    const written = await report.write("finished");
    if (written) yield { type: "report", ...written };
  } finally {
    await fingerprints.save();
    await unlock();
  }
}

const layersOf = (settings: RunSemiOptions["settings"]): readonly SettingsLayer[] =>
  isLayers(settings) ? settings : [{ name: "the settings", values: { ...settings } }];

const isLayers = (settings: RunSemiOptions["settings"]): settings is readonly SettingsLayer[] =>
  Array.isArray(settings);

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/** What stands of each stage, as far as it can be known before those that it needs are complete. */
async function planned(runs: readonly ContextRun[]): Promise<readonly PlannedStage[]> {
  const found = new Map<string, PlannedStage>();
  for (const { context, stages } of runs) {
    for (const stage of stages) {
      if (found.has(stage.folder)) continue;
      const isReady = stage.needs.every((needed) => found.get(needed)?.status === "done");
      const standing = await readManifest(context.path(stage.folder));
      const about = isReady
        ? statusOf(standing, await openStage(context, stage))
        : ({ status: standing ? "to redo" : "to do", changes: [] } as const);
      found.set(stage.folder, { stage: stage.folder, kind: stage.kind, ...about });
    }
  }
  return [...found.values()];
}

function statusOf(
  standing: Manifest | undefined,
  { origin }: StageWork,
): Pick<PlannedStage, "status" | "changes"> {
  if (!standing) return { status: "to do", changes: [] };
  const changes = changesOf(standing, origin);
  if (changes.length > 0) return { status: "to redo", changes };
  return { status: standing.status === "done" ? "done" : "to resume", changes };
}

/** Does what a stage still needs. @returns how it ended; `skipped` where nothing was to do. */
async function* doStage(
  context: SemiContext,
  stage: Stage,
): AsyncGenerator<SemiEvent, "done" | "skipped" | "stopped", undefined> {
  const { signal } = context;
  signal?.throwIfAborted();
  const { folder, kind } = stage;
  const path = context.path(folder);
  const work = await openStage(context, stage);
  const standing = await readManifest(path);
  const { status, changes } = statusOf(standing, work);
  if (standing && status === "done") {
    yield { type: "stage-finished", stage: folder, kind, skipped: true, manifest: standing };
    return "skipped";
  }
  if (status === "to redo" && !work.isIncremental) await clearFolder(path);
  yield { type: "stage-started", stage: folder, kind, status, changes };
  const began = performance.now();
  const before = status === "to resume" ? standing!.seconds : 0;
  const manifest = (rest: Pick<Manifest, "status" | "outputs" | "counts">): Manifest => ({
    format: 1,
    stage: kind,
    software: `ssl-resnext ${packageVersion()}`,
    ...work.origin,
    seconds: before + (performance.now() - began) / 1000,
    ...rest,
  });
  await writeManifest(path, manifest({ status: "running", outputs: {}, counts: {} }));
  await context.fingerprints.save();

  const outcome = yield* stopping(work, signal);
  if (!outcome) {
    await writeManifest(path, manifest({ status: "running", outputs: {}, counts: {} }));
    yield { type: "stopped", stage: folder };
    return "stopped";
  }
  const outputs: Record<string, string> = {};
  for (const file of outcome.outputs) {
    outputs[file] = await context.fingerprints.file(join(path, file), signal);
  }
  const done = manifest({ status: "done", outputs, counts: outcome.counts });
  await writeManifest(path, done);
  yield { type: "stage-finished", stage: folder, kind, skipped: false, manifest: done };
  return "done";
}

/** An abort ends a stage as a stop of its own does. */
async function* stopping(work: StageWork, signal: AbortSignal | undefined): ReturnType<StageWork["run"]> {
  try {
    return yield* work.run();
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/**
 * Makes sure that a stage which the wanted ones need is complete and up to date; others do not matter.
 *
 * @throws UsageError `semi/missing-stage`
 */
async function requireNeeded(
  context: SemiContext,
  stage: Stage,
  stages: readonly Stage[],
  only: readonly StageKind[],
): Promise<void> {
  if (!stages.some(({ kind, needs }) => only.includes(kind) && needs.includes(stage.folder))) return;
  const { status, changes } = statusOf(
    await readManifest(context.path(stage.folder)),
    await openStage(context, stage),
  );
  if (status === "done") return;
  const why = changes.length > 0 ? `is out of date (${changes.join("; ")})` : undefined;
  throw missingStage(stage.folder, context.out, why);
}
