import { TrainingError, UsageError } from "../../core/index.ts";
import type { TrainingLoader } from "../../data/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import { viewsOfImage } from "../contrastive-loss.ts";
import { openTrainingLoader } from "../loader/open-training-loader.ts";
import type { TrainingPlatform } from "../platform.ts";
import type { Recipe } from "../recipe/fields.ts";
import { autoRecipe } from "../recipe/recipe.ts";
import { askedOf, resolveRecipe, type RecipeLayer } from "../recipe/resolve-recipe.ts";
import { fitMemory, type FittedRecipe } from "../trainer/fit-memory.ts";
import { checkNetwork, fitBatch, runBytes, trainingPlan } from "../trainer/plan.ts";
import { checkResume, type DataRecord } from "../trainer/training-record.ts";
import { asksForAuto, chooseAutoMode, explained, fitClassifier, savedAutoMode } from "./auto-mode.ts";
import { namedConfig, openNetwork, savedNetwork, trainedDescription } from "./network.ts";
import type { OpenedRun, RecipeValues, TrainingEvent, TrainModelOptions } from "./options.ts";
import {
  checkRanks,
  compareRanks,
  type Ranks,
  shareOfBatch,
  shareOfPlatform,
  withoutWrites,
} from "./ranks.ts";
import { checkEngine } from "./run-engine.ts";
import { runEpochs } from "./run-epochs.ts";
import {
  beginFolder,
  checkNewFolder,
  checkRoom,
  openHistory,
  readTrainingCheckpoint,
  runFolder,
  type SavedTraining,
} from "./run-folder.ts";
import { trainHeadRun } from "./run-head.ts";
import {
  checkClassCount,
  hashedSource,
  openTrainingData,
  problemsOf,
  type TrainingData,
  trainingDataOptions,
} from "./training-data.ts";
import { checkValidation } from "./validator.ts";

/**
 * Trains a network, or its last stages, or its classifier, on labelled images; or all but its classifier on images
 * without labels.
 *
 * Everything is written to one folder: the resolved recipe, the history, the last and the best checkpoint, a report.
 * On the CPU a run that was killed and resumed ends with the same weights, bit for bit. When the signal is aborted,
 * the run saves what it needs to go on, gives the event `stopped`, and ends.
 *
 * What cannot go well is refused before anything is written. A set with fewer images than a batch is taken as a whole
 * at each step, and the event `smaller-batch` says so; a batch that does not fit into memory is computed in parts, and `in-parts` says so.
 *
 * @throws UsageError `train/recipe`, `train/no-effect`, `train/batch-norm`, `train/classes`, `train/out-exists`,
 *   `train/model`; DataError `data/disk-full`; TrainingError `train/other-run`, `train/no-checkpoint`, `train/history`,
 *   `train/not-finite`, `train/out-of-memory`; what opening images, model and device throws.
 */
export async function* trainModel(
  whole: TrainingPlatform,
  options: TrainModelOptions,
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { out, resume = false, ranks } = options;
  const platform = ranks ? shareOfPlatform(whole, ranks) : whole;
  const isWriter = !ranks || ranks.rank === 0;
  const folder = runFolder((uri) => {
    const storage = platform.storageFor(uri);
    return isWriter ? storage : withoutWrites(storage);
  }, out);
  if (!resume && isWriter) await checkNewFolder(folder);
  const saved = resume ? await readTrainingCheckpoint(folder) : undefined;
  const asked = recipeLayers(options.recipe, saved);
  if (asksForAuto(asked) && ranks) throw autoByRanks(ranks);
  const auto = !asksForAuto(asked)
    ? undefined
    : await (saved ? savedAutoMode(folder, saved, asked) : chooseAutoMode(platform, options, asked));
  const { choice, layers = asked } = auto ?? {};
  const recipe = explained(choice, () => {
    const resolved = resolveRecipe(layers);
    if (options.validation !== undefined) checkValidationAsked(resolved, layers);
    // The classifier that comes first takes them.
    const looking = choice ? { ...resolved, mode: "head" as const } : resolved;
    checkUnlabelled(options, resolved, looking);
    checkEngine(options, looking);
    return resolved;
  });
  if (saved && recipe.mode === "head") throw otherMode(out, saved);
  if (ranks) checkRanks(recipe, ranks);
  const data = await openTrainingData(platform, trainingDataOptions(options, recipe));
  if (data.splits?.validation.length) checkShareAsked(layers, data.validationName);
  checkPatience(recipe, data);
  const problems = recipe.mode === "adapt" ? undefined : await problemsOf(platform, options, data);
  const run: OpenedRun = { platform, options, recipe, folder, data, problems: problems?.problems, saved };
  if (choice) yield { type: "mode-chosen", ...choice };
  if (data.splits) yield { type: "splits", ...data.splits };
  if (data.leftOut) yield { type: "left-out", leftOut: data.leftOut };
  if (problems && !saved) yield problems;
  if (recipe.mode === "head") yield* trainHeadRun(run);
  else yield* trainNetwork(choice && !saved ? yield* fitClassifier(run, layers) : run);
}

/** @throws UsageError `train/no-effect` for validation images that no accuracy is measured on, and a share beside them. */
function checkValidationAsked({ mode }: Recipe, layers: readonly RecipeLayer[]): void {
  if (mode === "adapt") {
    throw new UsageError(
      "train/no-effect",
      "Validation images (validation, --val): no effect in mode adapt, which looks at no labels; leave them out.",
    );
  }
  checkShareAsked(layers, "validation, --val");
}

/** @throws UsageError `train/no-effect` for a share to hold out beside images to validate on. */
function checkShareAsked(layers: readonly RecipeLayer[], given: string): void {
  const asked = askedOf(layers).get("validationShare");
  if (!asked || asked.value === 0) return;
  throw new UsageError(
    "train/no-effect",
    `${asked.by}: validationShare (${String(asked.value)}): no effect where validation images are given (${given}); leave out one of them.`,
  );
}

/** @throws UsageError `train/no-effect` for a patience without images that could tell which epoch is better. */
function checkPatience({ patience }: Recipe, { validation }: TrainingData): void {
  if (patience === null || validation) return;
  throw new UsageError(
    "train/no-effect",
    `patience (${patience}): no effect without validation images; give some (validation, --val), hold a share out (validationShare), or leave it out.`,
  );
}

/** @throws UsageError `train/unlabelled`, `train/no-effect` for images that nothing would be done with */
function checkUnlabelled(
  { unlabelled, pseudoLabelled }: TrainModelOptions,
  { mode }: Recipe,
  looking: Pick<Recipe, "mode">,
): void {
  if (pseudoLabelled !== undefined && (mode === "head" || mode === "adapt")) {
    throw new UsageError(
      "train/no-effect",
      `Images that a model labelled (pseudoLabelled): no effect in mode ${mode}, which has no batches of true labels to mix them into; leave them out, or take mode full or last-stages.`,
    );
  }
  if (unlabelled === undefined || looking.mode === "head") return;
  throw new UsageError(
    "train/unlabelled",
    `Mode ${mode} does nothing with images without labels (unlabelled, --unlabelled): take mode head, whose classifier they make better, or "semi run", which learns from them.`,
  );
}

/** A resumed run goes by its own recipe unless another one is named. */
function recipeLayers(
  recipe: TrainModelOptions["recipe"],
  saved: SavedTraining | undefined,
): readonly RecipeLayer[] {
  const layers =
    typeof recipe === "string" ? [layer({ base: recipe })] : isLayers(recipe) ? recipe : [layer(recipe)];
  const isNamed = layers.some(({ values }) => values["base"] !== undefined);
  if (!saved || isNamed) return layers;
  return [{ name: "the run's recipe", values: { ...saved.record.recipe } }, ...layers];
}

const layer = (values: RecipeValues = {}): RecipeLayer => ({ name: "recipe", values });

const isLayers = (recipe: TrainModelOptions["recipe"]): recipe is readonly RecipeLayer[] =>
  Array.isArray(recipe);

/** Ranks share steps, and the classifier of mode `auto` is fitted at once. */
const autoByRanks = ({ size }: Ranks): UsageError =>
  new UsageError(
    "train/ranks",
    `Mode auto fits a classifier at once, which ${size} ranks cannot share: train it with one process (mode head), and the whole network from it (weights, recipe ${autoRecipe}) with the ranks.`,
  );

/** Trains by epochs: all of a network, or its last stages, or all but its classifier. */
async function* trainNetwork(opened: OpenedRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { platform, options, recipe: asked, data, saved, folder } = opened;
  const { ranks } = options;
  const network = await (saved ? savedNetwork(opened) : openNetwork(opened));
  const training = hashedSource(platform, data.training);
  const pseudoLabelled = data.pseudoLabelled && hashedSource(platform, data.pseudoLabelled.images);
  await using loader = disposable(
    await openTrainingLoader(platform, training, {
      batchSize: shareOfBatch(asked, ranks),
      rank: ranks?.rank,
      worldSize: ranks?.size,
      pseudoLabelled,
      smallerBatch: (images) => shareOfBatch(fitBatch(asked, images, ranks?.size), ranks),
      seed: asked.seed,
      preprocessing: network.description.preprocessing,
      channels: network.description.config.inChannels,
      augmentation: asked,
      mixing: asked,
      ...(asked.mode === "adapt" ? { views: viewsOfImage } : { classes: network.kept }),
      classesMayBeEmpty: options.classesMayBeEmpty,
      sampler: asked.sampler,
      workers: options.workers,
      onBrokenImage: asked.onBrokenImage,
      decode: options.decode,
      signal: options.signal,
    }),
  );
  const { recipe, wholeBytes } = fittedRecipe(opened, loader, network.description);
  const run: OpenedRun = { ...opened, recipe };
  const record: DataRecord = {
    images: loader.images,
    hash: `${training.hash ?? ""}${pseudoLabelled?.hash ?? ""}`,
    validationImages: data.validation?.size ?? null,
  };
  if (saved) await checkSaved(run, loader, record);
  const source = await network.withClasses(loader.classes);
  const description =
    saved?.description ?? (await trainedDescription(source, run, loader.classes.length, loader.images));
  await checkValidation(data, description);
  if (asked.mode !== "adapt") checkClassCount(loader.classes);
  checkNetwork(recipe, description.config, description.preprocessing.inputSize, ranks?.size);
  if (ranks) {
    const step = saved?.record.position.step;
    await compareRanks(ranks, { recipe, data: record, description, classes: loader.classes, step });
    // All know of a stop by now, or none does.
    ranks.signal.throwIfAborted();
  }
  await checkRoom(folder, runBytes(recipe, description.config, trainingPlan(recipe, loader.batchesPerEpoch)));
  await beginFolder(folder, recipe);
  if (recipe.batchSize < asked.batchSize) {
    const [images, batchSize] = [loader.images, recipe.batchSize];
    yield { type: "smaller-batch", images, asked: asked.batchSize, batchSize };
  }
  if (wholeBytes !== undefined && recipe.microBatch !== null) {
    const { batchSize, microBatch } = recipe;
    yield { type: "in-parts", batchSize, microBatch, wholeBytes };
  }
  await using history = disposable(await openHistory(folder, saved?.record.historyBytes ?? 0));
  yield* runEpochs({ ...run, loader, source, description, record, history });
}

/**
 * The recipe for the images that there are and the memory that is free. A run that goes on computes as many images at once as before,
 * unless another number is asked for.
 *
 * @returns With it what a whole batch would need, where that decided.
 * @throws TrainingError `train/out-of-memory`
 */
function fittedRecipe(
  { platform, options, recipe: asked, saved }: OpenedRun,
  { images, classes }: TrainingLoader,
  { config, preprocessing }: ModelDescription,
): Pick<FittedRecipe, "recipe"> & Partial<FittedRecipe> {
  const { device = "cpu", ranks } = options;
  const recipe = fitBatch(asked, images, ranks?.size);
  if (asked.microBatch !== null) return { recipe };
  if (saved) return { recipe: { ...recipe, microBatch: saved.record.recipe.microBatch } };
  // What a device has is not known, and ranks have to compute alike. A pair has no other to be told apart from.
  if (device !== "cpu" || ranks || (recipe.mode === "adapt" && recipe.batchSize < 2)) return { recipe };
  const numClasses = Math.max(1, classes.length);
  const { freeMemory } = platform.machine();
  return fitMemory(recipe, { ...config, numClasses }, preprocessing.inputSize, freeMemory);
}

/** A classifier that would take the place of a network that was trained. */
const otherMode = (out: string, { record }: SavedTraining): TrainingError =>
  new TrainingError(
    "train/other-run",
    `${out}: holds a training in mode ${record.recipe.mode}, and mode head would write its classifier over that network. Give another folder.`,
  );

/** @throws TrainingError `train/other-run` */
async function checkSaved(run: OpenedRun, loader: TrainingLoader, data: DataRecord): Promise<void> {
  const { saved, recipe, folder } = run;
  if (!saved) return;
  const { description, record } = saved;
  const { config, classes } = description;
  const named = await namedConfig(run);
  checkResume(
    { recipe: record.recipe, data: record.data, config, classes },
    {
      recipe,
      data,
      config: named ? { ...named, numClasses: config.numClasses } : config,
      classes: classes === "imagenet-1k" && loader.classes.length === 1000 ? classes : loader.classes,
    },
    folder.last,
  );
}

function disposable<T extends { close(): Promise<void> }>(resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => resource.close() });
}
