import { baseName, writeText } from "../../../core/storage/index.ts";
import { leftOutText, problemsFact } from "../../../data/index.ts";
import { confusionMatrix, type ConfusionMatrix } from "../../../predict/index.ts";
import type { Fact } from "../../../report/elements.ts";
import { engineFacts, readHistory, runFolder } from "../../../train/index.ts";
import type { SemiContext } from "../../context.ts";
import type { WrittenReport } from "../../events.ts";
import { textHash } from "../../fingerprints.ts";
import { problemsOf } from "../../plan/problems.ts";
import type { StageKind } from "../../plan/stage.ts";
import type { SelectionSummary } from "../../select/selection.ts";
import { imagesIn, listShards } from "../../score/shards.ts";
import { settingsText } from "../../settings/resolve-settings.ts";
import type { SemiSettings } from "../../settings/settings.ts";
import type { Manifest } from "../../stages/manifest.ts";
import { readSummary, selectionName } from "../../stages/select.ts";
import { bestWeights } from "../../stages/training.ts";
import { countLabelled } from "../../plan/choose-method.ts";
import type {
  Arm,
  ArmConfusion,
  ArmCurve,
  OwnPhotos,
  PipelineCounts,
  SelectionRecord,
  SemiReportData,
  StageCost,
} from "../data.ts";
import { semiReport } from "../semi-report.ts";
import { arms, sweeps } from "./arms.ts";
import { isOwnRun, ownPhotos, trainingMatch, withoutEqual } from "./own-photos.ts";
import { sureness } from "./sureness.ts";
import { selectionRecord } from "./selection-record.ts";
import { lastManifest, lastStage, standingRuns, type ContextRun, type StandingRun } from "./standing-run.ts";
import { nameOfPaths } from "../../settings/absolute-paths.ts";

/** The page of a study, which can be written again and again while the study goes on. */
interface Report {
  /**
   * Replaces the page by one of what stands now.
   *
   * @returns undefined when no scores stand, before which there is nothing to show.
   * @throws DataError when files of a stage cannot be read, or the page cannot be written.
   */
  write(status: NonNullable<SemiReportData["status"]>): Promise<WrittenReport | undefined>;
}

/**
 * @param runs The first one is that of the first seed, of the settings as they are.
 * @param reason Why its method was taken; a sentence or some.
 */
export function openReport(settings: SemiSettings, runs: readonly ContextRun[], reason?: string): Report {
  const { storage, path: pathOf } = runs[0]!.context;
  const path = pathOf("report.html");
  let hash = "";
  let shown: ShownSelection | undefined;
  return {
    async write(status) {
      const standing = await standingRuns(runs);
      const run = standing[0]!;
      const [scores, selection] = [lastStage(run, "score"), lastStage(run, "select")];
      const begun = lastStage(run, "adapt") ?? lastStage(run, "fit") ?? scores;
      if (!begun || !run.manifests.has(begun.folder)) return undefined;
      const selected = selection && run.manifests.get(selection.folder)?.outputs[selectionName];
      if (selected !== hash) shown = selected === undefined ? undefined : await shownSelection(run);
      hash = selected ?? "";
      const data = await gather(standing, settings, { selection: shown, status, reason });
      await writeText(storage, path, semiReport(data));
      return { path, arms: data.arms.map(withoutImages), images: data.measuredOn?.images };
    },
  };
}

/** An arm without what is known of each image: figures alone are told. */
function withoutImages(arm: Arm): Arm {
  const runs = arm.runs.map((run) => {
    const { right: _, ...figures } = run;
    return figures;
  });
  return { ...arm, runs };
}

async function shownSelection(run: StandingRun): Promise<ShownSelection> {
  const { context } = run;
  const folders = { selection: lastStage(run, "select")!.folder, scores: lastStage(run, "score")!.folder };
  const summary = await readSummary(context.storage, context.path(folders.selection));
  return { summary, record: await selectionRecord(context, folders, summary) };
}

/** What the first run selected. */
interface ShownSelection {
  readonly summary: SelectionSummary;
  readonly record: SelectionRecord;
}

interface GatherOptions extends Pick<SemiReportData, "status"> {
  readonly selection: ShownSelection | undefined;
  readonly reason: string | undefined;
}

/** Gathers what stands of all runs; pictures, counts and curves are those of the first run. */
async function gather(
  runs: readonly StandingRun[],
  settings: SemiSettings,
  { selection, status, reason }: GatherOptions,
): Promise<SemiReportData> {
  const [run] = runs as readonly [StandingRun, ...StandingRun[]];
  const { context } = run;
  const { classes } = await context.labelled();
  const leftOut = await context.leftOut();
  const own = isOwnRun(run) ? await ownPhotos(run, reason) : undefined;
  const labelled = own?.compared?.labelled ?? (await countLabelled(context)).labelled;
  const sizes = { labelled, classes: classes.length };
  const unlabelled = own && (own.compared?.unlabelled ?? imagesIn(await listShards(context)));
  const found = await problemsOf(context, unlabelled);
  return {
    title: baseName(context.storage.resolve(context.out)),
    summary: summaryOf(settings, isOwnRun(run)),
    status,
    classes,
    measuredOn: measuredOn(run, own),
    // Of other seeds the unlabelled images may have had a part.
    arms: runs.length === 1 ? withoutEqual(arms(runs), own) : arms(runs),
    counts:
      unlabelled === undefined
        ? pipelineCounts(run, sizes, selection?.summary)
        : { labelled, unlabelled, select: selection?.summary },
    own,
    match: trainingMatch(run),
    selection: selection?.record,
    confusion: confusion(runs, classes.length),
    sureness: await sureness(run, own),
    curves: await curves(run),
    sweeps: sweeps(runs, settings),
    stages: costs(runs),
    machine: [...context.platform.machineFacts(context.execution.device), ...engineFacts(context.execution)],
    settings: settingsText(settings),
    provenance: [
      ...(await provenance(run)),
      ...(leftOut ? [{ name: "left out of the images", value: leftOutText(leftOut).join("; ") }] : []),
      ...problemsFact(found?.problems),
    ],
  };
}

function summaryOf(settings: SemiSettings, isOwn: boolean): string {
  const { teacher, student, studentStart, labelled, unlabelled } = settings;
  const data = [...labelled, ...unlabelled];
  const shown = data.slice(0, mostInputs).join(", ") + (data.length > mostInputs ? ", …" : "");
  const students = {
    random: student ?? teacher,
    pretrained: `${student ?? teacher} with its weights`,
    teacher: "the same network with the teacher's weights",
  };
  const start = isOwn ? `Starts from ${teacher}` : `Teacher ${teacher}, student ${students[studentStart]}`;
  return `${start}; images from ${shown}.`;
}

const mostInputs = 6;

function measuredOn({ results, settings }: StandingRun, own?: OwnPhotos): SemiReportData["measuredOn"] {
  const [model] = results?.models ?? [];
  const folds = own?.compared?.crossValidated;
  if (folds && !settings.test)
    return { set: "cross-validation", name: nameOfPaths(settings.labelled), images: folds.images };
  if (!results || !model) return undefined;
  return { set: settings.test ? "test" : "validation", name: results.data, images: model.images };
}

/** Sizes of the data at each stage of a run whose scores stand. */
function pipelineCounts(
  run: StandingRun,
  { labelled, classes }: { readonly labelled: number; readonly classes: number },
  summary: SelectionSummary | undefined,
): PipelineCounts {
  const { images, broken } = lastManifest(run, "score")!.counts as Record<"images" | "broken", number>;
  return {
    taught: run.settings.teach,
    labelled,
    unlabelled: images + broken,
    score: { images, broken, p: Math.min(run.settings.p, classes) },
    select: summary,
    pretrainImages: lastManifest(run, "pretrain")?.counts["imagesProcessed"],
    finetuneImages: lastManifest(run, "finetune")?.counts["imagesProcessed"],
  };
}

/** Where the models of the settings as they are err, over all seeds together. */
function confusion(runs: readonly StandingRun[], classes: number): ArmConfusion {
  const base = runs.filter(({ variant }) => variant === undefined);
  // Of the other methods the later model of either way.
  const firstOf = (...kinds: readonly StageKind[]): ConfusionMatrix | undefined =>
    kinds.map((kind) => totalConfusion(base, kind, classes)).find((matrix) => matrix);
  return {
    teacher: totalConfusion(base, "teach", classes),
    supervised: firstOf("supervised", "tune-alone", "alone"),
    finetuned: firstOf("finetune", "joint", "tune", "fit"),
  };
}

function totalConfusion(
  runs: readonly StandingRun[],
  kind: StageKind,
  classes: number,
): ConfusionMatrix | undefined {
  const matrices = runs.flatMap((run) => {
    const measured = run.results?.models.findLast((model) => model.kind === kind);
    return measured?.confusion.length === classes ** 2 ? [measured.confusion] : [];
  });
  if (matrices.length === 0) return undefined;
  const all = confusionMatrix(classes);
  for (const matrix of matrices) {
    for (const [cell, count] of matrix.entries()) all.counts[cell]! += count;
  }
  return all;
}

const curveNames: readonly (readonly [StageKind, string])[] = [
  ["finetune", "fine-tuning"],
  ["supervised", "supervised"],
  ["pretrain", "pre-training"],
  ["teach", "teacher"],
  ["tune", "whole network, with unlabelled images"],
  ["joint", "whole network, with selected images"],
  ["tune-alone", "whole network, labels alone"],
];

/** How the trainings of a run went, epoch by epoch. */
async function curves(run: StandingRun): Promise<readonly ArmCurve[]> {
  const found: ArmCurve[] = [];
  for (const [kind, name] of curveNames) {
    const folder = lastStage(run, kind)?.folder;
    if (folder === undefined || !run.manifests.has(folder)) continue;
    const rows = await readHistory(runFolder(run.context.platform.storageFor, run.context.path(folder)));
    found.push({ name, points: rows.filter((row) => row.type === "epoch") });
  }
  return found;
}

const stageNames: Readonly<Record<StageKind, string>> = {
  weak: "teach on weak labels",
  teach: "teach",
  score: "score",
  select: "select",
  pretrain: "pre-train",
  finetune: "fine-tune",
  supervised: "supervised",
  adapt: "adapt",
  fit: "classifier",
  "none-class": "classifier with none of the classes",
  joint: "whole network, with selected images",
  alone: "classifier of labels alone",
  tune: "whole network",
  "tune-alone": "whole network, labels alone",
  measure: "measure",
  choose: "choose",
};

/** What the stages of all runs took, those of a kind together. */
function costs(runs: readonly StandingRun[]): readonly StageCost[] {
  const kinds = new Map<StageKind, Map<string, Manifest>>();
  for (const { stages, manifests } of runs) {
    for (const { kind, folder } of stages) {
      const ofKind = kinds.get(kind) ?? new Map<string, Manifest>();
      const manifest = manifests.get(folder);
      if (manifest) kinds.set(kind, ofKind.set(folder, manifest));
    }
  }
  return [...kinds].map(([kind, manifests]) => {
    const done = [...manifests.values()];
    return {
      name: done.length === 1 ? stageNames[kind] : `${stageNames[kind]}, ${done.length} times`,
      images:
        kind === "select" || kind === "measure" || kind === "choose" ? undefined : sum(done.map(imagesOf)),
      seconds: sum(done.map(({ seconds }) => seconds)),
    };
  });
}

/** Images that went through a training or a scoring. */
const imagesOf = ({ counts }: Manifest): number =>
  counts["imagesProcessed"] ?? counts["images"]! + counts["broken"]!;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const shardName = /^\d{6}-/;

/** What a run was made from and what came of it, by hash, and the version that made it. */
async function provenance(run: StandingRun): Promise<readonly Fact[]> {
  const kinds: readonly StageKind[] = ["weak", "teach", "score", "finetune", "adapt", "fit"];
  const manifests = kinds.flatMap((kind) => lastManifest(run, kind) ?? []);
  const inputs = new Map(manifests.flatMap((manifest) => Object.entries(manifest.inputs).filter(isData)));
  const shards = lastManifest(run, "score");
  const versions = new Set([...run.manifests.values()].map(({ software }) => software));
  return [
    ...[...inputs].map(([name, hash]) => ({ name, value: sha256(hash) })),
    ...(shards ? [{ name: "unlabelled images", value: sha256(await shardsHash(run.context, shards)) }] : []),
    ...outputFact(run, "select", selectionName),
    ...outputFact(run, "finetune", bestWeights),
    { name: "software", value: [...versions].join(", ") },
  ];
}

const sha256 = (hash: string): string => `sha256 ${hash}`;

/** Inputs that come from outside of the run and are no shards, of which there may be thousands. */
const isData = ([name]: readonly [string, string]): boolean => name.endsWith(" images");

/** One hash over those of all shards, in their order. */
function shardsHash({ platform }: SemiContext, { inputs }: Manifest): Promise<string> {
  const hashes = Object.entries(inputs)
    .filter(([name]) => shardName.test(name))
    .map(([, hash]) => hash);
  return textHash(platform, hashes.join("\n"));
}

function outputFact(run: StandingRun, kind: StageKind, file: string): readonly Fact[] {
  const hash = lastManifest(run, kind)?.outputs[file];
  return hash === undefined ? [] : [{ name: file, value: sha256(hash) }];
}
