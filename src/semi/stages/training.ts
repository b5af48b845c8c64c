import type { SslResnextError } from "../../core/index.ts";
import {
  concatSources,
  openImages,
  sampleImages,
  type ImageItem,
  type ImageSource,
} from "../../data/index.ts";
import { isWeightsPath } from "../../predict/index.ts";
import {
  crossValidationName,
  effectiveRecipe,
  trainModel,
  type Features,
  type NamedImages,
  type Recipe,
  type TrainingEvent,
  type TrainModelOptions,
} from "../../train/index.ts";
import {
  labelsInput,
  type OpenStage,
  type SemiContext,
  type StageOutcome,
  type StageWork,
} from "../context.ts";
import { skippedWarning } from "../events.ts";
import {
  paperKinds,
  type AdaptStage,
  type AloneStage,
  type FinetuneStage,
  type FitStage,
  type JointStage,
  type PretrainStage,
  type Start,
  type SupervisedStage,
  type TeachStage,
  type TrainingStage,
  type TuneStage,
  type WeakStage,
} from "../plan/stage.ts";
import { readScores } from "../score/score-files.ts";
import { imagesOfRows, listShards, openShard } from "../score/shards.ts";
import { readSelection } from "../select/selection.ts";
import type { SemiSettings } from "../settings/settings.ts";
import type { ScoreFacts, SelectionRow } from "../tables.ts";
import type { Manifest } from "./manifest.ts";
import { readSummary, selectionName } from "./select.ts";
import { callRanks, isSharedStage } from "./shared-stage.ts";
import { nameOfPaths } from "../settings/absolute-paths.ts";

/** The weights that a training leaves for later stages. */
export const bestWeights = "best.safetensors";

/** Images that a training sees, and what their manifest calls the hashes of them. */
interface StageImages {
  readonly inputs: Readonly<Record<string, string>>;
  readonly training: () => Promise<NamedImages>;
  readonly validation: () => Promise<NamedImages | undefined>;
  /** What a classifier learns how embeddings vary from. */
  readonly unlabelled?: () => Promise<NamedImages>;
  /** What half of each batch is taken from. */
  readonly pseudoLabelled?: () => Promise<NamedImages>;
}

/** Trains a teacher on weak labels. */
export const openWeak: OpenStage<WeakStage> = async (context, stage) => {
  const { platform, settings, fingerprints, signal } = context;
  const weak = settings.weak ?? [];
  return trainingWork(context, stage, stage.settings.recipe, {
    inputs: { "weakly labelled images": await fingerprints.data(weak, signal) },
    training: async () => {
      return { name: nameOfPaths(weak), images: await openImages(platform, weak, { signal }) };
    },
    validation: async () => undefined,
  });
};

/** Trains on the labelled images: the teacher, and the student after its pre-training. */
export const openOnLabelled: OpenStage<TeachStage | FinetuneStage> = async (context, stage) =>
  trainingWork(context, stage, stage.settings.recipe, await labelledImages(context));

/** Trains on the labelled images alone, for as long as pre-training and fine-tuning took together. */
export const openSupervised: OpenStage<SupervisedStage> = async (context, stage) => {
  const { recipe: known, start } = stage.settings;
  const trainings = stage.needs.filter((needed) => !("folder" in start && start.folder === needed));
  const manifests = await Promise.all(trainings.map((needed) => context.manifest(needed)));
  const images = manifests.reduce((sum, { counts }) => sum + counts["imagesProcessed"]!, 0);
  const recipe: Recipe = manifests.length === 0 ? known : { ...known, epochs: null, images };
  return trainingWork(context, stage, recipe, await labelledImages(context));
};

/** Trains a network on the labelled and the unlabelled images together, without labels. */
export const openAdapt: OpenStage<AdaptStage> = async (context, stage) =>
  trainingWork(context, stage, stage.settings.recipe, {
    inputs: {
      ...(await labelledImages(context)).inputs,
      ...(await unlabelledInput(context)),
    },
    training: () => imagesToAdaptTo(context, stage.settings),
    validation: async () => undefined,
  });

/** Trains a classifier on the labelled images, with the statistics of the unlabelled ones. */
export const openFit: OpenStage<FitStage> = async (context, stage) => {
  const labelled = await labelledImages(context);
  return trainingWork(context, stage, stage.settings.recipe, {
    ...labelled,
    inputs: { ...labelled.inputs, ...(await unlabelledInput(context)) },
    unlabelled: () => unlabelledImages(context),
  });
};

/** Trains on the labelled images alone: a classifier of the network as it came, or the network from a classifier. */
export const openWithoutUnlabelled: OpenStage<AloneStage | TuneStage> = async (context, stage) =>
  trainingWork(context, stage, stage.settings.recipe, await labelledImages(context));

/** Trains on labelled and selected images together, half and half, from a classifier. */
export const openJoint: OpenStage<JointStage> = async (context, stage) => {
  const [, selection, scores] = stage.needs;
  const labelled = await labelledImages(context);
  return trainingWork(context, stage, stage.settings.recipe, {
    ...labelled,
    inputs: { ...labelled.inputs, ...(await selectionInput(context, selection)) },
    pseudoLabelled: () => openSelected(context, selection, scores),
  });
};

/** Trains the student on the selected images. */
export const openPretrain: OpenStage<PretrainStage> = async (context, stage) => {
  const [selection, scores] = stage.needs;
  const { validation, inputs } = await labelledImages(context);
  const { "labelled images": _, ...validationInput } = inputs;
  return trainingWork(context, stage, stage.settings.recipe, {
    inputs: {
      ...(await selectionInput(context, selection)),
      ...(holdsOut(context.settings) ? inputs : validationInput),
    },
    training: () => openSelected(context, selection, scores),
    validation,
  });
};

/** Whether some of the labelled images choose the best epoch. */
const holdsOut = ({ validation, validationShare }: SemiSettings): boolean =>
  validation === null && validationShare > 0;

async function selectionInput(
  context: SemiContext,
  selection: string,
): Promise<Readonly<Record<string, string>>> {
  return { "the selection": (await context.manifest(selection)).outputs[selectionName]! };
}

export async function unlabelledInput({
  settings,
  fingerprints,
  signal,
}: SemiContext): Promise<Readonly<Record<string, string>>> {
  return { "unlabelled images": await fingerprints.data(settings.unlabelled, signal) };
}

/** All unlabelled images, without the labels that they may have. */
export async function unlabelledImages(context: SemiContext): Promise<NamedImages> {
  const shards = await listShards(context);
  const { platform, settings, signal } = context;
  const images = await Promise.all(shards.map((shard) => openShard(platform, shard, signal)));
  return { name: nameOfPaths(settings.unlabelled), images: concatSources(images) };
}

/** The labelled images and the unlabelled ones, or of the latter so many that all are as many as is wanted. */
export async function imagesToAdaptTo(
  context: SemiContext,
  { images: most, recipe: { seed } }: AdaptStage["settings"],
): Promise<NamedImages> {
  const { training } = await context.labelled();
  const unlabelled = await unlabelledImages(context);
  const name = `${training.name} and ${unlabelled.name}`;
  if (most === null) return { name, images: concatSources([training.images, unlabelled.images]) };
  const labelled = await sampleImages(training.images, most, seed);
  const rest = await sampleImages(unlabelled.images, Math.max(0, most - (labelled.size ?? 0)), seed);
  return { name, images: concatSources([labelled, rest]) };
}

export async function labelledImages(context: SemiContext): Promise<StageImages> {
  const { settings, fingerprints, signal } = context;
  return {
    inputs: {
      "labelled images": await fingerprints.data(settings.labelled, signal),
      ...(settings.validation
        ? { "validation images": await fingerprints.data(settings.validation, signal) }
        : {}),
      ...(await labelsInput(context)),
    },
    training: async () => (await context.labelled()).training,
    validation: async () => (await context.labelled()).validation,
  };
}

async function trainingWork(
  context: SemiContext,
  stage: TrainingStage,
  recipe: Recipe,
  images: StageImages,
): Promise<StageWork> {
  const { kind, folder, settings } = stage;
  const { platform, execution, signal, path } = context;
  const { start } = settings;
  const { validation, validationShare } = context.settings;
  const isValidated = paperKinds.has(kind) && kind !== "weak" && validation === null;
  // It stands beside the recipe, where earlier versions have it too.
  const { exif, ...effective } = effectiveRecipe(recipe);
  const origin = {
    settings: { ...settings, recipe: effective, exif, ...(isValidated ? { validationShare } : {}) },
    inputs: { ...images.inputs, ...(await startInputs(context, start)) },
  };
  return {
    origin,
    async *run() {
      const { engine, precision, device, threads, workers } = execution;
      const data = {
        data: await images.training(),
        validation: await images.validation(),
        unlabelled: await images.unlabelled?.(),
        pseudoLabelled: await images.pseudoLabelled?.(),
      };
      const ranks = isSharedStage(stage) ? context.ranks : undefined;
      if (ranks?.rank === 0) {
        await callRanks(ranks, { settings: context.settings, stage, ranOn: { engine, precision } });
        ranks.signal.throwIfAborted();
      }
      const events = trainModel(platform, {
        ...data,
        ...startOptions(context, start),
        // The student has the classes of the labelled images, also those that nothing was selected for.
        classesMayBeEmpty: kind === "pretrain",
        keepConfidence: kind === "tune" || kind === "tune-alone" || kind === "joint",
        out: path(folder),
        recipe: [{ name: "the stage", values: { base: "quick", ...effectiveRecipe(recipe) } }],
        resume: true,
        // What learns runs on ONNX Runtime.
        ...(recipe.mode === "head" ? { engine, precision } : {}),
        device,
        threads,
        workers,
        ranks,
        // From here on all ranks stop in the same exchange.
        signal: ranks?.signal ?? signal,
      });
      let outcome: StageOutcome = { outputs: [bestWeights], counts: {} };
      const skipped = new Map<string, SslResnextError>();
      for await (const event of events) {
        outcome = withEvent(outcome, event);
        yield { type: "training", stage: folder, event };
        if (event.type === "stopped") return undefined;
        if (event.type === "skipped") skipped.set(event.id, event.error);
      }
      yield* skippedWarning(folder, skipped);
      return skipped.size > 0 ? withoutSkipped(outcome, data.data.images, skipped, recipe) : outcome;
    },
  };
}

const embedded = "unlabelled images embedded";
const whitened = "half-whitened by";

/** What the classifier of a stage sees, and how many unlabelled images were looked at for it; undefined: too few. */
export function featuresOf({ counts }: Manifest): {
  readonly features: Features;
  readonly images: number | undefined;
} {
  return { features: whitened in counts ? "half-whitened" : "as they are", images: counts[embedded] };
}

/** What came of a training, when one more thing has happened in it. */
function withEvent({ outputs, counts }: StageOutcome, event: TrainingEvent): StageOutcome {
  if (event.type === "started") {
    const { plan, trainingImages: images } = event;
    const imagesProcessed = plan ? plan.steps * plan.batchSize : images;
    return { outputs, counts: { ...counts, images, imagesProcessed } };
  }
  if (event.type === "unlabelled-embedded")
    return { outputs, counts: { ...counts, [embedded]: event.images } };
  if (event.type === "fitted" && event.features === "half-whitened") {
    return { outputs, counts: { ...counts, [whitened]: counts[embedded]! } };
  }
  if (event.type === "cross-validated") {
    const { folds, top1, images } = event;
    return {
      outputs: [...outputs, crossValidationName],
      counts: { ...counts, folds, "measured images": images.length, "cross-validated top-1": top1 },
    };
  }
  return { outputs, counts };
}

/** What came of a training, the images counted that it could use; an epoch comes upon all. */
async function withoutSkipped(
  { outputs, counts }: StageOutcome,
  training: ImageSource,
  skipped: ReadonlyMap<string, unknown>,
  { mode }: Recipe,
): Promise<StageOutcome> {
  let images = 0;
  for await (const { id } of training) if (!skipped.has(id)) images++;
  return { outputs, counts: { ...counts, images, ...(mode === "head" ? { imagesProcessed: images } : {}) } };
}

async function startInputs(context: SemiContext, start: Start): Promise<Readonly<Record<string, string>>> {
  if ("folder" in start) {
    return { [start.folder]: (await context.manifest(start.folder)).outputs[bestWeights]! };
  }
  if (!isWeightsPath(start.model)) return {};
  return { [start.model]: await context.fingerprints.file(start.model, context.signal) };
}

/** What a training starts from, as `trainModel` takes it. */
export function startOptions(
  { path }: SemiContext,
  start: Start,
): Pick<TrainModelOptions, "model" | "weights" | "scratch"> {
  return "folder" in start ? { weights: path(start.folder, bestWeights) } : start;
}

/** The selected images with the classes that they were selected for, an image once for each of them. */
export async function openSelected(
  context: SemiContext,
  selection: string,
  scores: string,
): Promise<NamedImages> {
  const { counts } = await context.manifest(selection);
  const { storage, path } = context;
  const files = await readScores(storage, path(scores));
  const shards = files.map(({ facts }) => facts);
  const { classes } = await readSummary(storage, path(selection));
  const table = path(selection, selectionName);
  return {
    name: `${counts["rows"]} selected images of ${nameOfPaths(context.settings.unlabelled)}`,
    images: {
      classes: classes.map(({ name }) => name),
      size: counts["rows"],
      [Symbol.asyncIterator]: () => selectedImages(context, readSelection(storage, table), shards),
    },
  };
}

/** The class of an image is that of its row, and its shard has no say in it. */
async function* selectedImages(
  { platform, signal }: SemiContext,
  rows: AsyncIterable<SelectionRow>,
  shards: readonly ScoreFacts[],
): AsyncGenerator<ImageItem> {
  const open = ({ shard }: ScoreFacts): Promise<ImageSource> => openShard(platform, shard, signal);
  for await (const { row, image } of imagesOfRows(rows, shards, open)) {
    yield { id: row.image_id, label: shards[row.shard]!.classes[row.class]!, content: image.content };
  }
}
