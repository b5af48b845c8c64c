import { writeText, type Storage } from "../core/storage/index.ts";
import { missingStage, semiContext, type SemiContext, type SemiExecution } from "./context.ts";
import type { PlannedStage, SemiEvent, StageNote, WaitingEvent } from "./events.ts";
import { openFingerprints } from "./fingerprints.ts";
import { checkInputs, checkRoom, type CheckedInputs } from "./plan/check-inputs.ts";
import { planRuns, type PlannedRun } from "./plan/plan-runs.ts";
import type { Stage, StageKind } from "./plan/plan-stages.ts";
import type { SemiPlatform } from "./platform.ts";
import { openReport } from "./report/gather/open-report.ts";
import type { ContextRun } from "./report/gather/standing-run.ts";
import { resolveSettings, settingsText, type SettingsLayer } from "./settings/resolve-settings.ts";
import type { SemiSettings } from "./settings/settings.ts";
import { doStage, openStage, standingOf } from "./stages/do-stage.ts";
import { readManifest } from "./stages/manifest.ts";

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
 * What cannot go well is refused before anything is computed; the event `planned` says which stages take smaller
 * batches than their recipes say, as they have fewer images.
 *
 * @throws UsageError `semi/settings`, `semi/no-effect`, `semi/k`, `semi/p`, `semi/missing-stage`; DataError
 *   `data/disk-full`; what the stages throw. What stands is kept.
 * @example
 * const settings = { labelled: ["photos"], unlabelled: ["more/*.tar"], teacher: "ssl_resnext50_32x4d" };
 * for await (const event of runSemi(platform, { settings, out: "run" })) console.log(event.type);
 */
export async function* runSemi(
  platform: SemiPlatform,
  options: RunSemiOptions,
): AsyncGenerator<SemiEvent, void, undefined> {
  const { out, only, signal, device = "cpu", threads, workers } = options;
  const settings = resolveSettings(layersOf(options.settings));
  const runs = planRuns(settings);
  const storage = platform.storageFor(out);
  await storage.makeFolder(out);
  const unlock = yield* lockRun(storage, out, signal);
  try {
    const fingerprints = await openFingerprints(platform, storage.join(out, ".fingerprints.json"));
    const execution = { device, threads, workers };
    const withContext = (run: PlannedRun): ContextRun => ({
      ...run,
      context: semiContext({ platform, settings: run.settings, out, execution, fingerprints, signal }),
    });
    const all = runs.map(withContext);
    const work = all.filter(({ variant }) => options.withVariants || variant === undefined);
    const checked: CheckedInputs[] = [];
    for (const { context, stages } of work) {
      checked.push(yield* checkInputs(context, { all: stages, wanted: wantedOf(stages, only) }));
    }
    const plan = await planned(work);
    await checkRoom(all[0]!.context, checked, plan);
    await fingerprints.save();
    yield { type: "planned", stages: plan, notes: notesOf(checked) };
    let isBegun = false;
    const looked = new Set<string>();
    const report = openReport(settings, all);
    for (const { context, stages } of work) {
      let measured = false;
      for (const stage of stages) {
        if (looked.has(stage.folder)) continue;
        looked.add(stage.folder);
        if (!wantedOf([stage], only).length) {
          await requireNeeded(context, stage, wantedOf(stages, only));
        } else {
          // Not before it is known that what the first stage needs is there.
          if (!isBegun) await writeSettings(context, settings);
          isBegun = true;
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
    await unlock();
  }
}

/** What the checks of all runs have to say, each once. */
function notesOf(checked: readonly CheckedInputs[]): readonly StageNote[] {
  const notes = checked.flatMap((one) => one.notes.map((note) => [note.stage, note] as const));
  return [...new Map(notes).values()];
}

async function writeSettings({ storage, path }: SemiContext, settings: SemiSettings): Promise<void> {
  const comment = ["The settings of this run, complete. They can be given again, changed or not."];
  await writeText(storage, path("semi.yaml"), settingsText(settings, comment));
}

const wantedOf = (stages: readonly Stage[], only: RunSemiOptions["only"]): readonly Stage[] =>
  stages.filter(({ kind }) => only?.includes(kind) ?? true);

const layersOf = (settings: RunSemiOptions["settings"]): readonly SettingsLayer[] =>
  isLayers(settings) ? settings : [{ name: "the settings", values: { ...settings } }];

const isLayers = (settings: RunSemiOptions["settings"]): settings is readonly SettingsLayer[] =>
  Array.isArray(settings);

/** What stands of each stage, as far as it can be known before those that it needs are complete. */
async function planned(runs: readonly ContextRun[]): Promise<readonly PlannedStage[]> {
  const found = new Map<string, PlannedStage>();
  for (const { context, stages } of runs) {
    for (const stage of stages) {
      if (found.has(stage.folder)) continue;
      const isReady = stage.needs.every((needed) => found.get(needed)?.status === "done");
      const standing = await readManifest(context.storage, context.path(stage.folder));
      const about = isReady
        ? await standingOf(context, stage.folder, await openStage(context, stage))
        : ({ status: standing ? "to redo" : "to do", changes: [] } as const);
      const { status, changes } = about;
      found.set(stage.folder, { stage: stage.folder, kind: stage.kind, status, changes });
    }
  }
  return [...found.values()];
}

/**
 * Makes sure that a stage which the wanted ones need is complete and up to date; others do not matter.
 *
 * @throws UsageError `semi/missing-stage`
 */
async function requireNeeded(context: SemiContext, stage: Stage, wanted: readonly Stage[]): Promise<void> {
  const needed: readonly string[] = wanted.flatMap(({ needs }) => needs);
  if (!needed.includes(stage.folder)) return;
  const { status, changes } = await standingOf(context, stage.folder, await openStage(context, stage));
  if (status === "done") return;
  const why = changes.length > 0 ? `is out of date (${changes.join("; ")})` : undefined;
  throw missingStage(context.path(stage.folder), why);
}

/**
 * Takes the folder of a run for this process; says so when it has to wait for another one.
 *
 * @returns a function that gives the folder back.
 * @throws DataError when the folder cannot be written to.
 */
async function* lockRun(
  storage: Storage,
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<WaitingEvent, () => Promise<void>, undefined> {
  const ended = new AbortController();
  let says!: () => void;
  const waits = new Promise<void>((resolve) => {
    says = resolve;
  });
  const lock = storage.lock(storage.join(folder, ".lock"), {
    signal: signal ? AbortSignal.any([signal, ended.signal]) : ended.signal,
    onWait: says,
  });
  let taken = false;
  try {
    if ((await Promise.race([lock, waits])) === undefined) yield { type: "waiting", folder };
    const unlock = await lock;
    taken = true;
    return unlock;
  } finally {
    if (!taken) {
      ended.abort();
      await lock.then(
        (unlock) => unlock(),
        () => undefined,
      );
    }
  }
}
