import {
  fitBatch,
  readHistory,
  recipeFields,
  recipeKeys,
  runFolder,
  type Recipe,
} from "../../../train/index.ts";
import type { Start, StageKind } from "../../plan/stage.ts";
import { readBest, type ChosenModel } from "../../stages/best.ts";
import type { Manifest } from "../../stages/manifest.ts";
import { readNextLabels } from "../../stages/next-labels.ts";
import type { Adaptation, Arm, OwnArm, OwnPhotos, OwnTuning, TrainingMatch } from "../data.ts";
import { featuresOf } from "../../stages/training.ts";
import { lastManifest, lastStage, type StandingRun } from "./standing-run.ts";

/** The models of the methods adapt, labels and joint, by the kind of the stage that makes them. */
export const ownArms: { readonly [K in StageKind]?: OwnArm } = {
  fit: "labels",
  tune: "tuned",
  joint: "joint",
  alone: "labels-alone",
  "tune-alone": "tuned-alone",
};

/** Whether a run is one of the methods adapt, labels and joint. */
export const isOwnRun = (run: StandingRun): boolean => lastStage(run, "fit") !== undefined;

/** What stands of such a run, stages that are missing left out. */
export async function ownPhotos(run: StandingRun, reason: string | undefined): Promise<OwnPhotos> {
  const verdict = await verdictFile(run);
  const between = comparedArms(run);
  return {
    method: lastStage(run, "adapt") ? "adapt" : lastStage(run, "joint") ? "joint" : "labels",
    reason,
    between,
    compared: verdict && (verdict.test || verdict.crossValidated) ? verdict : undefined,
    best: verdict && bestOf(run, verdict),
    adaptation: await adaptation(run),
    classifier: classifier(run),
    tuning: tuning(run),
    next: await nextLabels(run),
  };
}

/** The file that the choice of a model leaves; undefined before it is made. */
async function verdictFile(run: StandingRun): Promise<ChosenModel | undefined> {
  const stage = lastStage(run, "choose");
  if (!stage || !run.manifests.has(stage.folder)) return undefined;
  const { storage, path } = run.context;
  return readBest(storage, path(stage.folder));
}

async function nextLabels(run: StandingRun): Promise<OwnPhotos["next"]> {
  const stage = lastStage(run, "choose");
  if (!stage || !run.manifests.has(stage.folder)) return undefined;
  return readNextLabels(run.context.storage, run.context.path(stage.folder));
}

/** Of either way the last model that stands; undefined before both have one. */
function comparedArms(run: StandingRun): OwnPhotos["between"] {
  const last = (kinds: readonly StageKind[]): OwnArm | undefined => {
    const kind = kinds.findLast((one) => lastManifest(run, one));
    return kind && ownArms[kind];
  };
  const [reached, without] = [last(["fit", "tune", "joint"]), last(["alone", "tune-alone"])];
  return reached && without && { with: reached, without };
}

function bestOf(
  { stages }: StandingRun,
  { stage, what, unused }: Pick<ChosenModel, "stage" | "what" | "unused">,
): OwnPhotos["best"] {
  const kind = stages.find(({ folder }) => folder === stage)?.kind;
  const arm = kind && ownArms[kind];
  return arm && { arm: unused === undefined ? arm : (sameAlone[arm] ?? arm), what };
}

/** The models of labels alone that those with unlabelled images are equal to, where these had no part in them. */
const sameAlone: { readonly [A in OwnArm]?: OwnArm } = { labels: "labels-alone", tuned: "tuned-alone" };

/** The arms of a run without those that are shown under the names of the equal ones of labels alone. */
export const withoutEqual = (arms: readonly Arm[], own: OwnPhotos | undefined): readonly Arm[] =>
  own?.compared?.unused === undefined
    ? arms
    : arms.filter(({ kind }) => kind === "other" || !(kind in sameAlone));

async function adaptation(run: StandingRun): Promise<Adaptation | undefined> {
  const [stage, manifest] = [lastStage(run, "adapt"), lastManifest(run, "adapt")];
  if (!stage || !manifest) return undefined;
  const { platform, path } = run.context;
  const rows = await readHistory(runFolder(platform.storageFor, path(stage.folder)));
  const losses = rows.flatMap((row) => (row.type === "epoch" ? [row.trainLoss] : []));
  return { images: manifest.counts["images"]!, epochs: losses.length, losses };
}

function classifier(run: StandingRun): OwnPhotos["classifier"] {
  const manifest = lastManifest(run, "fit");
  if (!manifest) return undefined;
  return { ...featuresOf(manifest), folds: manifest.counts["folds"] };
}

function tuning(run: StandingRun): OwnTuning | undefined {
  const manifest = lastManifest(run, "tune") ?? lastManifest(run, "joint");
  if (!manifest) return undefined;
  const { autoAugment } = recipeOf(manifest);
  return {
    steps: stepsOf(manifest),
    augmentation: autoAugment ? "on strongly augmented images" : undefined,
  };
}

const recipeOf = ({ settings }: Manifest): Recipe => settings["recipe"] as Recipe;

const stepsOf = (manifest: Manifest): number =>
  Math.ceil(
    manifest.counts["imagesProcessed"]! / fitBatch(recipeOf(manifest), manifest.counts["images"]!).batchSize,
  );

/** How like the trainings are that a page compares; undefined before both stand. */
export function trainingMatch(run: StandingRun): TrainingMatch | undefined {
  const own = isOwnRun(run);
  const manifests = (kinds: readonly StageKind[]): readonly Manifest[] =>
    kinds.flatMap((kind) => lastManifest(run, kind) ?? []);
  const reached = manifests(own ? ["tune", "joint"] : ["pretrain", "finetune"]);
  const without = manifests(own ? ["tune-alone"] : ["supervised"]);
  const first = own
    ? { with: lastStage(run, "adapt") ?? lastStage(run, "fit"), without: lastStage(run, "alone") }
    : { with: lastStage(run, "pretrain"), without: lastStage(run, "supervised") };
  if (!first.with || !first.without || (!own && (reached.length < 2 || without.length === 0)))
    return undefined;
  const ofPair = <Value>(
    value: (trainings: readonly Manifest[]) => Value,
  ): Record<"with" | "without", Value> => ({
    with: value(reached),
    without: value(without),
  });
  return {
    start: { with: startText(first.with), without: startText(first.without) },
    steps: ofPair((trainings) => trainings.reduce((sum, manifest) => sum + stepsOf(manifest), 0)),
    augmentation: augmentations(reached, without),
  };
}

function startText(stage: { readonly settings: object }): string {
  const { start } = stage.settings as { readonly start: Start };
  if ("folder" in start) return `the model of ${start.folder}`;
  return start.scratch ? `random weights (${start.model})` : start.model;
}

/** The values of augmentation in which both differ, or the same word for both where they differ in none. */
function augmentations(
  reached: readonly Manifest[],
  without: readonly Manifest[],
): TrainingMatch["augmentation"] {
  const text = (manifests: readonly Manifest[], key: keyof Recipe): string =>
    [...new Set(manifests.map((manifest) => JSON.stringify(recipeOf(manifest)[key])))].join(" then ");
  const apart =
    reached.length === 0 || without.length === 0
      ? []
      : recipeKeys.filter(
          (key) => recipeFields[key].group === "augmentation" && text(reached, key) !== text(without, key),
        );
  const shown = (manifests: readonly Manifest[]): string =>
    apart.map((key) => `${key} ${text(manifests, key)}`).join(", ") || "the same";
  return { with: shown(reached), without: shown(without) };
}
