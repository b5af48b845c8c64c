import { join } from "node:path";
import {
  planRuns,
  resolveSettings,
  settingsText,
  type PlannedRun,
  type SemiSettings,
  type SettingsLayer,
  type Stage,
  type StageKind,
} from "../../semi/index.ts";
import { makeFolder } from "../make-folder.ts";
import { writeFileAtomic } from "../write-file.ts";
import { checkInputs } from "./check-inputs.ts";
import { missingStage, semiContext, type SemiContext, type SemiExecution } from "./context.ts";
import { doStage } from "./do-stage.ts";
import type { PlannedStage, SemiEvent } from "./events.ts";
import { openFingerprints } from "./fingerprints.ts";
import { lockRun } from "./lock-run.ts";
import { openReport, type ContextRun } from "./report/index.ts";
import { readManifest } from "./stage-folder.ts";
import { standingOf } from "./stage-status.ts";
import { openStage } from "./stages/index.ts";

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
  const { out, only, signal, device = "cpu", threads, workers } = options;
  const settings = resolveSettings(layersOf(options.settings));
  const runs = planRuns(settings);
  await makeFolder(out);
  const unlock = yield* lockRun(out, signal);
  try {
    const fingerprints = await openFingerprints(join(out, ".fingerprints.json"));
    const execution = { device, threads, workers };
    const withContext = (run: PlannedRun): ContextRun => ({
      ...run,
      context: semiContext({ settings: run.settings, out, execution, fingerprints, signal }),
    });
    const all = runs.map(withContext);
    const work = all.filter(({ variant }) => options.withVariants || variant === undefined);
    for (const { context, stages } of work) yield* checkInputs(context, wantedOf(stages, only));
    const plan = await planned(work);
    await fingerprints.save();
    yield { type: "planned", stages: plan };
    let isBegun = false;
    const looked = new Set<string>();
    const report = openReport(out, settings, all);
    for (const { context, stages } of work) {
      let measured = false;
      for (const stage of stages) {
        if (looked.has(stage.folder)) continue;
        looked.add(stage.folder);
        if (!wantedOf([stage], only).length) {
          await requireNeeded(context, stage, wantedOf(stages, only));
        } else {
          // Not before it is known that what the first stage needs is there.
          if (!isBegun) await writeSettings(out, settings);
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

async function writeSettings(out: string, settings: SemiSettings): Promise<void> {
  const comment = ["The settings of this run, complete. They can be given again, changed or not."];
  await writeFileAtomic(join(out, "semi.yaml"), [Buffer.from(settingsText(settings, comment))]);
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
      const standing = await readManifest(context.path(stage.folder));
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
  if (!wanted.some(({ needs }) => needs.includes(stage.folder))) return;
  const { status, changes } = await standingOf(context, stage.folder, await openStage(context, stage));
  if (status === "done") return;
  const why = changes.length > 0 ? `is out of date (${changes.join("; ")})` : undefined;
  throw missingStage(stage.folder, context.out, why);
}
