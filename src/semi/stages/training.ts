import { openImages, type ImageItem, type ImageSource } from "../../data/index.ts";
import { isWeightsPath } from "../../predict/index.ts";
import {
  effectiveRecipe,
  trainModel,
  type NamedImages,
  type Recipe,
  type TrainModelOptions,
} from "../../train/index.ts";
import type { OpenStage, SemiContext, StageOutcome, StageWork } from "../context.ts";
import type {
  FinetuneStage,
  PretrainStage,
  Start,
  SupervisedStage,
  TeachStage,
  TrainingStage,
  WeakStage,
} from "../plan/plan-stages.ts";
import { readScores } from "../score/score-files.ts";
import { imagesOfRows, openShard } from "../score/shards.ts";
import { readSelection } from "../select/selection.ts";
import type { SemiSettings } from "../settings/settings.ts";
import type { ScoreFacts, SelectionRow } from "../tables.ts";
import { readSummary, selectionName } from "./select.ts";

/** The weights that a training leaves for later stages. */
export const bestWeights = "best.safetensors";

/** Images that a training sees, and what their manifest calls the hashes of them. */
interface StageImages {
  readonly inputs: Readonly<Record<string, string>>;
  readonly training: () => Promise<NamedImages>;
  readonly validation: () => Promise<NamedImages | undefined>;
}

/** Trains a teacher on weak labels. */
export const openWeak: OpenStage<WeakStage> = async (context, stage) => {
  const { platform, settings, fingerprints, signal } = context;
  const weak = settings.weak ?? [];
  return trainingWork(context, stage, stage.settings.recipe, {
    inputs: { "weakly labelled images": await fingerprints.data(weak, signal) },
    training: async () => {
      return { name: weak.join(" "), images: await openImages(platform, weak, { signal }) };
    },
    validation: async () => undefined,
  });
};

/** Trains on the labelled images: the teacher, and the student after its pre-training. */
export const openOnLabelled: OpenStage<TeachStage | FinetuneStage> = async (context, stage) =>
  trainingWork(context, stage, stage.settings.recipe, await labelledImages(context));

/** Trains on the labelled images alone, for as long as pre-training and fine-tuning took together. */
export const openSupervised: OpenStage<SupervisedStage> = async (context, stage) => {
  const { recipe: known } = stage.settings;
  const manifests = await Promise.all(stage.needs.map((needed) => context.manifest(needed)));
  const images = manifests.reduce((sum, { counts }) => sum + counts["imagesProcessed"]!, 0);
  const recipe: Recipe = manifests.length === 0 ? known : { ...known, epochs: null, images };
  return trainingWork(context, stage, recipe, await labelledImages(context));
};

/** Trains the student on the selected images. */
export const openPretrain: OpenStage<PretrainStage> = async (context, stage) => {
  const [selection, scores] = stage.needs;
  const { outputs } = await context.manifest(selection);
  const { validation, inputs } = await labelledImages(context);
  const { "labelled images": _, ...validationInput } = inputs;
  return trainingWork(context, stage, stage.settings.recipe, {
    inputs: {
      "the selection": outputs[selectionName]!,
      ...(holdsOut(context.settings) ? inputs : validationInput),
    },
    training: () => openSelected(context, selection, scores),
    validation,
  });
};

/** Whether some of the labelled images choose the best epoch. */
const holdsOut = ({ validation, validationShare }: SemiSettings): boolean =>
  validation === null && validationShare > 0;

async function labelledImages(context: SemiContext): Promise<StageImages> {
  const { settings, fingerprints, signal } = context;
  return {
    inputs: {
      "labelled images": await fingerprints.data(settings.labelled, signal),
      ...(settings.validation
        ? { "validation images": await fingerprints.data(settings.validation, signal) }
        : {}),
    },
    training: async () => (await context.labelled()).training,
    validation: async () => (await context.labelled()).validation,
  };
}

async function trainingWork(
  context: SemiContext,
  { kind, folder, settings }: TrainingStage,
  recipe: Recipe,
  images: StageImages,
): Promise<StageWork> {
  const { platform, execution, signal, path } = context;
  const { start } = settings;
  const { validation, validationShare } = context.settings;
  const isValidated = kind !== "weak" && validation === null;
  const origin = {
    settings: { ...settings, recipe: effectiveRecipe(recipe), ...(isValidated ? { validationShare } : {}) },
    inputs: { ...images.inputs, ...(await startInputs(context, start)) },
  };
  return {
    origin,
    async *run() {
      const { device, threads, workers, decode } = execution;
      const events = trainModel(platform, {
        data: await images.training(),
        validation: await images.validation(),
        ...startOptions(context, start),
        // The student has the classes of the labelled images, also those that nothing was selected for.
        classesMayBeEmpty: kind === "pretrain",
        out: path(folder),
        recipe: [{ name: "the stage", values: { base: "quick", ...effectiveRecipe(recipe) } }],
        resume: true,
        device,
        threads,
        workers,
        decode,
        signal,
      });
      let outcome: StageOutcome | undefined;
      for await (const event of events) {
        if (event.type === "started") {
          const { plan, trainingImages } = event;
          const imagesProcessed = plan ? plan.steps * plan.batchSize : trainingImages;
          outcome = {
            outputs: [bestWeights],
            counts: { images: trainingImages, imagesProcessed },
          };
        }
        yield { type: "training", stage: folder, event };
        if (event.type === "stopped") return undefined;
      }
      return outcome;
    },
  };
}

async function startInputs(context: SemiContext, start: Start): Promise<Readonly<Record<string, string>>> {
  if ("folder" in start) {
    return { [start.folder]: (await context.manifest(start.folder)).outputs[bestWeights]! };
  }
  if (!isWeightsPath(start.model)) return {};
  return { [start.model]: await context.fingerprints.file(start.model, context.signal) };
}

function startOptions(
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
    name: `${counts["rows"]} selected images of ${context.settings.unlabelled.join(" ")}`,
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
