import { baseName, readText, writeText, type Storage } from "../../core/storage/index.ts";
import { exportSafetensors, openModel } from "../../predict/index.ts";
import type { BestModel, SemiEvent } from "../events.ts";
import {
  crossValidationName,
  readCrossValidation,
  runFolder,
  type CrossValidatedImage,
} from "../../train/index.ts";
import type { OpenStage, SemiContext, StageOutcome } from "../context.ts";
import { paperKinds, type ChooseStage, type StageKind } from "../plan/stage.ts";
import {
  verdictOf,
  type ClassCounts,
  type ComparedModels,
  type CrossValidatedComparison,
} from "../report/verdict.ts";
import { onlyRight, spread } from "../report/statistics.ts";
import { imagesIn, listShards } from "../score/shards.ts";
import type { Manifest } from "./manifest.ts";
import { givenTeacher, readResults, type Measured, type Results } from "./measure.ts";
import { writeNextLabels } from "./next-labels.ts";
import { bestWeights, featuresOf } from "./training.ts";

/** What the file of a choice holds: the model, and the numbers that it was chosen by. */
export interface ChosenModel extends ComparedModels, BestModel {}

const verdictName = "verdict.json";

/** Where the model of a run stands: beside the folder of the stage that chooses it. */
export const bestOf = ({ path }: Pick<SemiContext, "path">, folder: string): string =>
  path(`${folder}.safetensors`);

/** What a run ended with; undefined before the stage is complete. */
export async function readBest(storage: Storage, folder: string): Promise<ChosenModel | undefined> {
  const path = storage.join(folder, verdictName);
  return (await storage.stat(path)) ? (JSON.parse(await readText(storage, path)) as ChosenModel) : undefined;
}

/** A stage and what it left. */
interface StandingStage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Chooses the model that a run ends with, and writes it beside the stage's folder. */
export const openChoose: OpenStage<ChooseStage> = async (context, { folder, needs, settings }) => {
  const stages = await Promise.all(
    needs.map(async (needed): Promise<StandingStage> => ({
      folder: needed,
      manifest: await context.manifest(needed),
    })),
  );
  const path = bestOf(context, folder);
  return {
    origin: {
      settings: { ...settings },
      inputs: Object.fromEntries(
        stages.flatMap(({ folder: needed, manifest }) =>
          Object.entries(manifest.outputs).map(([file, hash]) => [`${needed}/${file}`, hash]),
        ),
      ),
    },
    async missing() {
      const best = await readBest(context.storage, context.path(folder));
      const wanted =
        best && stages.find((stage) => stage.folder === best.stage)?.manifest.outputs[bestWeights];
      if (!(await context.storage.stat(path))) return [`${baseName(path)} is gone`];
      const found = await context.fingerprints.model(path, context.signal).catch(() => undefined);
      context.signal?.throwIfAborted();
      return found === wanted ? [] : [`${baseName(path)} was changed`];
    },
    run: () => choose(context, folder, settings.method, stages),
  };
};

/** The last stages of both ways, of which the later ones go on from the earlier. */
const withUnlabelled: readonly StageKind[] = ["fit", "tune", "joint", "finetune"];
const withoutUnlabelled: readonly StageKind[] = ["alone", "tune-alone", "supervised"];

// Nothing takes so long that it has a progress.
// oxlint-disable-next-line require-yield
async function* choose(
  context: SemiContext,
  folder: string,
  method: ChooseStage["settings"]["method"],
  stages: readonly StandingStage[],
): AsyncGenerator<SemiEvent, StageOutcome, undefined> {
  const { storage, path, platform, signal } = context;
  signal?.throwIfAborted();
  const lastOf = (kinds: readonly StageKind[]): StandingStage | undefined =>
    stages.findLast(({ manifest }) => kinds.includes(manifest.stage));
  const ours = lastOf(withUnlabelled)!;
  const results = lastOf(["measure"]);
  const measured = results && (await readResults(storage, path(results.folder)));
  const alone = bestAlone([lastOf(withoutUnlabelled), lastOf(["teach"])], measured);
  const given = context.settings.teach
    ? undefined
    : measured?.models.find(({ stage }) => stage === givenTeacher);
  const crossValidated = await pairedCrossValidation(context, lastOf(["fit"]), lastOf(["alone"]));

  const { training, classes } = await context.labelled();
  // Images that nobody has sorted yet have none.
  const labels = await labelCounts(training.images);
  const compared: ComparedModels = {
    // Those that the classifier learnt from, or else all that have a label.
    labelled:
      lastOf(["fit"])?.manifest.counts["images"] ??
      [...labels.values()].reduce((sum, count) => sum + count, 0),
    unlabelled: imagesIn(await listShards(context)),
    classes: classes.length,
    method,
    ...(method === "paper" ? { studentStart: context.settings.studentStart } : {}),
    ...(alone?.manifest.stage === "teach" ? { alone: "teacher" } : {}),
    ...(given ? { givenTeacher: given.top1 } : {}),
    ...unusedImages(method, lastOf(["fit"])),
    ...(ours.manifest.stage === "tune" || ours.manifest.stage === "joint" ? { tunedAfter: true } : {}),
    ...testComparison(measured, context.settings.test ? "test" : "validation", ours, alone),
    ...(crossValidated ? { crossValidated } : {}),
  };
  const { isVetoed } = verdictOf(compared);
  const chosen = isVetoed && alone ? alone : ours;
  const what = sentence(compared, chosen.manifest, lastOf(["fit"])?.manifest, context.settings.adaptImages);
  const perClass = await judgedClasses(context, chosen, stages, measured, labels);
  const best: ChosenModel = {
    ...compared,
    ...(perClass ? { perClass } : {}),
    stage: chosen.folder,
    isVetoed,
    what,
  };

  const source = await openModel(platform, path(chosen.folder, bestWeights));
  const { description } = source;
  const provenance = { ...description.provenance, method, stage: chosen.folder, what };
  await exportSafetensors(
    platform,
    {
      ...source,
      description: { ...description, name: baseName(storage.resolve(context.out)), provenance },
    },
    bestOf(context, folder),
  );
  await writeText(storage, path(folder, verdictName), `${JSON.stringify(best, null, 2)}\n`);
  const fit = lastOf(["fit"]);
  if (fit) await writeNextLabels(context, folder, fit);
  return {
    outputs: [verdictName],
    counts: crossValidated
      ? {
          "log loss": crossValidated.with.loss,
          "of labels alone": crossValidated.without.loss,
          "standard error of the difference": crossValidated.difference.standardError,
        }
      : {},
  };
}

async function crossValidation(
  { platform, path }: SemiContext,
  { folder, manifest }: StandingStage,
): Promise<readonly CrossValidatedImage[] | undefined> {
  if (manifest.outputs[crossValidationName] === undefined) return undefined;
  return readCrossValidation(runFolder(platform.storageFor, path(folder)));
}

/** Both classifiers on the labelled images, each image judged by fits that had not seen it. */
async function pairedCrossValidation(
  context: SemiContext,
  ours: StandingStage | undefined,
  alone: StandingStage | undefined,
): Promise<CrossValidatedComparison | undefined> {
  if (!ours || !alone) return undefined;
  const lines = await crossValidation(context, ours);
  const others = new Map(((await crossValidation(context, alone)) ?? []).map((line) => [line.image, line]));
  const pairs = (lines ?? []).flatMap((line) => {
    const other = others.get(line.image);
    return other ? [{ ours: line, alone: other }] : [];
  });
  if (pairs.length === 0) return undefined;
  const { mean, deviation = 0 } = spread(pairs.map((pair) => pair.ours.loss - pair.alone.loss));
  return {
    images: pairs.length,
    folds: ours.manifest.counts["folds"]!,
    with: {
      loss: spread(pairs.map((pair) => pair.ours.loss)).mean,
      top1: percentRight(pairs.map(({ ours: own }) => own)),
    },
    without: {
      loss: spread(pairs.map((pair) => pair.alone.loss)).mean,
      top1: percentRight(pairs.map((pair) => pair.alone)),
    },
    difference: { mean, standardError: deviation / Math.sqrt(pairs.length) },
    onlyWith: pairs.filter((pair) => isRight(pair.ours) && !isRight(pair.alone)).length,
    onlyWithout: pairs.filter((pair) => !isRight(pair.ours) && isRight(pair.alone)).length,
  };
}

const isRight = (line: CrossValidatedImage): boolean => line.class === line.predicted;
const percentRight = (lines: readonly CrossValidatedImage[]): number =>
  (100 * lines.filter(isRight).length) / lines.length;

/** The better of the models that labels alone give, by what was measured; the first where none was. */
function bestAlone(
  models: readonly (StandingStage | undefined)[],
  results: Results | undefined,
): StandingStage | undefined {
  const top1Of = ({ folder }: StandingStage): number =>
    results?.models.find(({ stage }) => stage === folder)?.top1 ?? -1;
  const standing = models.filter((model) => model !== undefined);
  return standing.reduce<StandingStage | undefined>(
    (best, model) => (best === undefined || top1Of(model) > top1Of(best) ? model : best),
    undefined,
  );
}

/** Why the unlabelled images had no part in the model, where they had none. */
function unusedImages(
  method: ChooseStage["settings"]["method"],
  fit: StandingStage | undefined,
): Pick<ComparedModels, "unused"> {
  if (method !== "labels" || !fit) return {};
  const { features, images } = featuresOf(fit.manifest);
  if (features === "half-whitened") return {};
  return {
    unused:
      images === undefined
        ? "they are too few to say how images vary"
        : "cross-validation found the classifier no better with their statistics",
  };
}

/** Both models on the images that were measured. */
function testComparison(
  found: Results | undefined,
  set: "test" | "validation",
  ours: StandingStage,
  alone: StandingStage | undefined,
): Pick<ComparedModels, "test"> {
  if (!found || !alone) return {};
  const of = ({ folder }: StandingStage): Measured | undefined =>
    found.models.find(({ stage }) => stage === folder);
  const [first, second] = [of(ours), of(alone)];
  if (!first?.right || !second?.right) return {};
  const [own, other] = [first.right, second.right];
  return {
    test: {
      ...(set === "validation" ? { set } : {}),
      name: found.data,
      images: first.images,
      with: first.top1,
      without: second.top1,
      onlyWith: onlyRight(own, other),
      onlyWithout: onlyRight(other, own),
    },
  };
}

async function labelCounts(
  images: AsyncIterable<{ readonly label?: string }>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const { label } of images)
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** The classes on the images that were measured, or else in the cross-validation of the chosen way's classifier. */
async function judgedClasses(
  context: SemiContext,
  chosen: StandingStage,
  stages: readonly StandingStage[],
  results: Results | undefined,
  labelled: ReadonlyMap<string, number>,
): Promise<readonly ClassCounts[] | undefined> {
  const { classes } = await context.labelled();
  const confusion = results?.models.find(({ stage }) => stage === chosen.folder)?.confusion;
  const row = (name: string, images: number, right: number): ClassCounts => ({
    name,
    labelled: labelled.get(name) ?? 0,
    images,
    right,
  });
  if (confusion) {
    return classes.map((name, index) => {
      const counts = confusion.slice(index * classes.length, (index + 1) * classes.length);
      return row(
        name,
        counts.reduce((sum, count) => sum + count, 0),
        counts[index]!,
      );
    });
  }
  const isAlone = withoutUnlabelled.includes(chosen.manifest.stage);
  const head = stages.find(({ manifest }) => manifest.stage === (isAlone ? "alone" : "fit"));
  const lines = head && (await crossValidation(context, head));
  return (
    lines &&
    classes.map((name) => {
      const own = lines.filter((line) => line.class === name);
      return row(name, own.length, own.filter(isRight).length);
    })
  );
}

/** What the chosen model is. @param fit Manifest of the classifier that unlabelled images helped to make. */
function sentence(
  { method, studentStart, labelled, unlabelled, classes }: ComparedModels,
  { stage }: Manifest,
  fit: Manifest | undefined,
  adaptImages: number | null,
): string {
  const labels = `${labelled} labelled images of ${classes} classes`;
  if (paperKinds.has(stage)) {
    const start = {
      random: "",
      pretrained: " from pretrained weights",
      teacher: " from the teacher's weights",
    };
    return `the student${start[studentStart ?? "random"]}, trained on images that a teacher selected of ${unlabelled}, then on ${labels}`;
  }
  const isAlone = withoutUnlabelled.includes(stage);
  const isByUnlabelled = fit !== undefined && featuresOf(fit).features === "half-whitened";
  const network =
    method === "adapt" && !isAlone
      ? `the network adapted to ${adaptImages !== null && adaptImages < labelled + unlabelled ? adaptImages : "all"} images without labels`
      : `the network as it came${isByUnlabelled && !isAlone ? ", with the statistics of the unlabelled images" : ""}`;
  const trained =
    stage === "fit" || stage === "alone" ? "a classifier" : "a classifier, then the whole network,";
  const selected = stage === "joint" ? ` and on images that it selected of ${unlabelled}` : "";
  const why = isAlone ? "; with the unlabelled images the cross-validated log loss was worse" : "";
  return `${trained} trained on ${labels}${selected}, on ${network}${why}`;
}
