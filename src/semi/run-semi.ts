import { UsageError } from "../core/index.ts";
import { readText, writeText, type Storage } from "../core/storage/index.ts";
import { leftOutText } from "../data/index.ts";
import { runFiles, runLock } from "../data/sources/run-folder.ts";
import { engineOf, keepEngineOf, requireEngineOfRuns } from "./engine.ts";
import { missingStage, semiContext, type SemiContext } from "./context.ts";
import type { PlannedChoice, PlannedStage, SemiEvent, StageNote, WaitingEvent } from "./events.ts";
import { fingerprintsFile, openFingerprints, otherFingerprints } from "./fingerprints.ts";
import { followRun } from "./follow-run.ts";
import { checkOut } from "./plan/check-out.ts";
import { checkInputs, checkRoom, labelledNote, type CheckedInputs } from "./plan/check-inputs.ts";
import { chooseMethod, withChoice, type ChosenRun } from "./plan/choose-method.ts";
import { planRuns, runsOf, type RunSettings } from "./plan/plan-runs.ts";
import { problemsOf } from "./plan/problems.ts";
import { paperKinds, type Stage, type StageKind } from "./plan/stage.ts";
import { weighTrainings } from "./plan/weigh-training.ts";
import type { SemiPlatform } from "./platform.ts";
import type { RunSemiOptions } from "./run-options.ts";
import { openReport } from "./report/gather/open-report.ts";
import { standingRuns, type ContextRun } from "./report/gather/standing-run.ts";
import { verdictOf } from "./report/verdict.ts";
import { withAbsolutePaths } from "./settings/absolute-paths.ts";
import {
  parseSettings,
  refuseUnused,
  resolveSettings,
  settingsText,
  type SettingsLayer,
} from "./settings/resolve-settings.ts";
import type { SemiSettings } from "./settings/settings.ts";
import { bestOf, readBest } from "./stages/best.ts";
import { doStage, openStage, standingOf } from "./stages/do-stage.ts";
import { readManifest } from "./stages/manifest.ts";
import { callRanks, requireShared } from "./stages/shared-stage.ts";
import { scoreByQueue, type ScoringStage } from "./stages/score-by-queue.ts";
import { scorePart } from "./stages/score.ts";

/**
 * Makes the best model that labelled and unlabelled images allow: adapts a network to all of them and fits the labels on it,
 * or trains a student on what a teacher selects, as the method says. The event `planned` says what was chosen and why, and
 * `best`, the last one, where the model stands.
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
  const { ranks } = options;
  if (ranks && ranks.rank > 0) {
    await followRun(platform, options, ranks);
  } else {
    const stop = yield* untilStop(runStages(platform, options), ranks?.signal);
    if (ranks) await callRanks(ranks, undefined);
    if (stop) throw stop.reason;
  }
}

/** The events of a run. What it throws once all ranks know of a stop comes back: they end together. */
async function* untilStop(
  events: AsyncGenerator<SemiEvent, void, undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SemiEvent, { readonly reason: unknown } | undefined, undefined> {
  try {
    yield* events;
  } catch (reason) {
    if (!signal?.aborted) throw reason;
    return { reason };
  }
  return undefined;
}

async function* runStages(
  platform: SemiPlatform,
  options: RunSemiOptions,
): AsyncGenerator<SemiEvent, void, undefined> {
  const { out, only, onNotice, signal, device = "cpu", threads, workers, ranks } = options;
  const storage = platform.storageFor(out);
  const layers = [...(await remembered(storage, out)), ...layersOf(options.settings)];
  const settings = await withAbsolutePaths(ofMethod(resolveSettings(layers), only), platform.storageFor);
  const given = runsOf(settings);
  const isWork = ({ variant }: RunSettings): boolean => options.withVariants || variant === undefined;
  await requireEngineOfRuns(platform, given.filter(isWork), options);
  for (const run of given.filter(isWork)) await checkOut(platform, run.settings, out);
  await storage.makeFolder(out);
  const { part, queue } = options;
  // Parts go on side by side: what each writes is its own.
  const unlock = part || queue ? undefined : yield* lockRun(storage, out, signal);
  try {
    const fingerprints = await openFingerprints(
      platform,
      fingerprintsFile(
        storage,
        out,
        part ? `${part.index}-of-${part.count}` : queue && `queue-${queue.name}`,
      ),
      await otherFingerprints(storage, out),
    );
    const ranOn = await engineOf(platform, settings, options, part !== undefined || queue !== undefined);
    const execution = { ...ranOn, device, threads, workers };
    const contextOf = (own: SemiSettings): SemiContext =>
      semiContext({ platform, settings: own, out, execution, fingerprints, onNotice, signal, ranks });
    const plan = (chosen: readonly ChosenRun[]): readonly ContextRun[] =>
      planRuns(settings, chosen).map((run) => ({ ...run, context: contextOf(run.settings) }));

    let chosen = await chooseEach(given, contextOf);
    for (const [index, run] of chosen.entries()) checkAsked(run, given[index]!, layers);
    const begun = plan(chosen).filter(isWork);
    requireStages(begun, part || queue ? ["score"] : only);
    if (part || queue) {
      const stages = await scoreStages(begun);
      if (queue) yield* scoreByQueue(stages, queue);
      else for (const { context, stage } of stages) yield* scorePart(context, stage, part!);
      await fingerprints.save();
      return;
    }
    const checked: CheckedInputs[] = [];
    const readable = new Set<string>();
    for (const { context, stages } of begun) {
      checked.push(yield* checkInputs(context, { all: stages, wanted: wantedOf(stages, only) }, readable));
    }
    chosen = yield* weighEach(chosen, given, only, isWork, contextOf);
    const all = plan(chosen);
    const work = all.filter(isWork);
    const stages = await planned(work, chosen);
    if (ranks)
      requireShared(
        work.flatMap((run) => wantedOf(run.stages, only)),
        stages,
        ranks,
      );
    await checkRoom(all[0]!.context, checked, stages);
    await fingerprints.save();
    const [choices, notes] = [choicesOf(chosen.filter(isWork)), notesOf(checked, stages)];
    yield { type: "planned", stages, choices, notes };
    if (stages.every(({ status }) => status === "to do")) {
      const problems = await problemsOf(all[0]!.context, checked[0]?.unlabelled);
      if (problems) yield problems;
    }
    let isBegun = false;
    const looked = new Set<string>();
    const report = openReport(settings, all, choices[0]?.because);
    for (const { context, stages: own } of work) {
      let measured = false;
      for (const stage of own) {
        if (looked.has(stage.folder)) continue;
        looked.add(stage.folder);
        if (!wantedOf([stage], only).length) {
          await requireNeeded(context, stage, wantedOf(own, only));
        } else {
          // Not before it is known that what the first stage needs is there.
          if (!isBegun) {
            await keepEngineOf(platform, ranOn, options);
            await writeSettings(context, settings);
          }
          isBegun = true;
          const end = yield* doStage(context, stage);
          if (end === "stopped") return;
          measured ||= stage.kind === "measure" && end === "done";
        }
      }
      if (measured && own !== work.at(-1)!.stages) await report.write("running");
    }
    const written = await report.write("finished");
    if (written) yield { type: "report", ...written };
    const best = await standingBest(all[0]!);
    if (best) yield best;
    const leftOut = await all[0]!.context.leftOut();
    if (leftOut) {
      yield { type: "warning", stage: "images", message: `left out ${leftOutText(leftOut).join("; ")}` };
    }
  } finally {
    await unlock?.();
  }
}

/** The stages of all runs that score, each once; what they need stands. */
async function scoreStages(runs: readonly ContextRun[]): Promise<readonly ScoringStage[]> {
  const found = new Map<string, ScoringStage>();
  for (const { context, stages } of runs) {
    const wanted = stages.filter((stage) => stage.kind === "score");
    for (const stage of stages) await requireNeeded(context, stage, wanted);
    for (const stage of wanted) if (!found.has(stage.folder)) found.set(stage.folder, { context, stage });
  }
  return [...found.values()];
}

/** What the checks of all runs say of stages that are planned, each once. */
function notesOf(checked: readonly CheckedInputs[], stages: readonly PlannedStage[]): readonly StageNote[] {
  const notes = new Map(checked.flatMap((one) => one.notes.map((note) => [note.stage, note] as const)));
  return [labelledNote, ...stages.map(({ stage }) => stage)].flatMap((name) => notes.get(name) ?? []);
}

/** Stages of method `paper` that are asked for one by one leave nothing to choose. */
const ofMethod = (settings: SemiSettings, only: RunSemiOptions["only"]): SemiSettings =>
  settings.method === "auto" && only?.some((kind) => paperKinds.has(kind))
    ? { ...settings, method: "paper" }
    : settings;

/** @throws UsageError `semi/no-effect` for stages of which the method has none */
function requireStages(runs: readonly ContextRun[], wanted: RunSemiOptions["only"] = []): void {
  const stages = runs.flatMap((run) => run.stages);
  if (wanted.length === 0 || wantedOf(stages, wanted).length > 0) return;
  const { method } = runs[0]!.context.settings;
  throw new UsageError(
    "semi/no-effect",
    `${wanted.join(", ")}: method ${method} has no such stage here; it does ${[...new Set(stages.map(({ kind }) => kind))].join(", ")}. Give the ${method === "paper" ? "settings that ask for it (teach: true trains a teacher)" : "method that has it (method, --method paper)"}, or "semi run".`,
  );
}

type ContextOf = (settings: SemiSettings) => SemiContext;

/** Chooses a method for each run, seeds of the same settings alike. */
async function chooseEach(runs: readonly RunSettings[], contextOf: ContextOf): Promise<readonly ChosenRun[]> {
  const chosen: ChosenRun[] = [];
  for (const run of runs) {
    const known = chosen.find(({ variant }) => variant === run.variant)?.choice;
    // Whatever would be held out counts: the methods that look at it train on all.
    const context = contextOf({ ...run.settings, validationShare: 0 });
    chosen.push(withChoice(run, known ?? (await chooseMethod(context))));
  }
  return chosen;
}

/** @throws UsageError `semi/no-effect` for what was asked for, and has no effect in the method that was chosen. */
function checkAsked(
  { variant, settings: chosen }: ChosenRun,
  { settings, changes }: RunSettings,
  layers: readonly SettingsLayer[],
): void {
  const asked = changes ? [{ name: `variant ${variant}`, values: changes }] : layers;
  refuseUnused(asked, settings, { isVariant: changes !== undefined, chosen });
}

/** Looks at what trainings cost the runs that are to be done, where they are still to be done. */
async function* weighEach(
  chosen: readonly ChosenRun[],
  given: readonly RunSettings[],
  only: RunSemiOptions["only"],
  isWork: (run: RunSettings) => boolean,
  contextOf: ContextOf,
): AsyncGenerator<SemiEvent, readonly ChosenRun[], undefined> {
  const weighed: ChosenRun[] = [];
  for (const [index, run] of chosen.entries()) {
    const known = weighed.find(({ variant }) => variant === run.variant)?.choice;
    const asked = given[index]!;
    const choice =
      known ??
      (isWork(run)
        ? yield* weighTrainings(contextOf(run.settings), run.choice, asked.settings, only)
        : run.choice);
    weighed.push(withChoice(asked, choice));
  }
  return weighed;
}

/** The choice of the settings as they are and of each variant. */
const choicesOf = (chosen: readonly ChosenRun[]): readonly PlannedChoice[] => [
  ...new Map(chosen.map(({ variant, choice }) => [variant, { variant, ...choice }])).values(),
];

/** The model that the settings as they are end with, unless it is missing or out of date. */
async function standingBest({ context, stages }: ContextRun): Promise<SemiEvent | undefined> {
  const { folder } = stages.find(({ kind }) => kind === "choose")!;
  const [run] = await standingRuns([{ variant: undefined, settings: context.settings, stages, context }]);
  if (!run!.manifests.has(folder)) return undefined;
  const best = await readBest(context.storage, context.path(folder));
  if (!best) return undefined;
  const { stage, isVetoed, what } = best;
  return { type: "best", path: bestOf(context, folder), stage, isVetoed, what, verdict: verdictOf(best) };
}

async function writeSettings({ storage, path }: SemiContext, settings: SemiSettings): Promise<void> {
  const comment = [`${runFiles[settingsName]}, complete. They can be given again, changed or not.`];
  await writeText(storage, path(settingsName), settingsText(settings, comment));
}

/** File of the settings in the folder of a run. */
const settingsName = "semi.yaml";

/** What the run in the folder goes on with unless it is told otherwise: earlier versions did not turn images by default. */
async function remembered(storage: Storage, out: string): Promise<readonly SettingsLayer[]> {
  const path = storage.join(out, settingsName);
  if (!(await storage.stat(path).catch(() => undefined))) return [];
  const { name, values } = parseSettings(await readText(storage, path), path);
  return values["exif"] === undefined ? [] : [{ name, values: { exif: values["exif"] } }];
}

const wantedOf = (stages: readonly Stage[], only: RunSemiOptions["only"]): readonly Stage[] =>
  stages.filter(({ kind }) => only?.includes(kind) ?? true);

const layersOf = (settings: RunSemiOptions["settings"]): readonly SettingsLayer[] =>
  isLayers(settings) ? settings : [{ name: "the settings", values: { ...settings } }];

const isLayers = (settings: RunSemiOptions["settings"]): settings is readonly SettingsLayer[] =>
  Array.isArray(settings);

/** What stands of each stage, as far as it can be known before those that it needs are complete. */
async function planned(
  runs: readonly ContextRun[],
  chosen: readonly ChosenRun[],
): Promise<readonly PlannedStage[]> {
  const found = new Map<string, PlannedStage>();
  for (const { context, stages, variant } of runs) {
    const { adaptSeconds, tuneSeconds } = chosen.find((run) => run.variant === variant)!.choice;
    const known: { readonly [K in StageKind]?: number | undefined } = {
      adapt: adaptSeconds,
      tune: tuneSeconds && tuneSeconds / 2,
      "tune-alone": tuneSeconds && tuneSeconds / 2,
    };
    for (const stage of stages) {
      if (found.has(stage.folder)) continue;
      const isReady = stage.needs.every((needed) => found.get(needed)?.status === "done");
      const standing = await readManifest(context.storage, context.path(stage.folder));
      const about = isReady
        ? await standingOf(context, stage.folder, await openStage(context, stage))
        : ({ status: standing ? "to redo" : "to do", changes: [] } as const);
      const { status, changes } = about;
      const seconds = known[stage.kind];
      found.set(stage.folder, {
        stage: stage.folder,
        kind: stage.kind,
        status,
        changes,
        ...(seconds === undefined ? {} : { seconds }),
      });
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
  throw missingStage(context, stage.folder, why);
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
  const lock = storage.lock(storage.join(folder, runLock), {
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
