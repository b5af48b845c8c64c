import { TrainingError, UsageError } from "../../core/index.ts";
import { checkSpace, folderBytes } from "../../core/storage/index.ts";
import { mapClasses, type TrainingLoader } from "../../data/index.ts";
import {
  countParameters,
  provenanceOfCrossValidation,
  provenanceOfValidation,
  type ModelDescription,
} from "../../nn/index.ts";
import { classesOf, exportSafetensors, type ModelSource } from "../../predict/index.ts";
import { viewsOfImage } from "../contrastive-loss.ts";
import { trainHead, type HeadEvent } from "../head/train-head.ts";
import { brokenImage } from "../loader/batch-worker.ts";
import { openTrainingLoader } from "../loader/open-training-loader.ts";
import type { TrainingPlatform } from "../platform.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { Recipe } from "../recipe/fields.ts";
import { askedOf, resolveRecipe, type RecipeLayer } from "../recipe/resolve-recipe.ts";
import { fitMemory, type FittedRecipe } from "../trainer/fit-memory.ts";
import { checkNetwork, fitBatch, runBytes, trainingPlan } from "../trainer/plan.ts";
import { checkResume, type DataRecord } from "../trainer/training-record.ts";
import { checkEngine, engineOfRun, fasterFor, requireEngineOfRun, writeEngine } from "./run-engine.ts";
import { checkRanks, compareRanks, shareOfBatch, shareOfPlatform, withoutWrites } from "./ranks.ts";
import { namedConfig, openNetwork, savedNetwork, trainedDescription } from "./network.ts";
import type { OpenedRun, RecipeValues, TrainingEvent, TrainModelOptions } from "./options.ts";
import { runEpochs } from "./run-epochs.ts";
import {
  beginFolder,
  checkNewFolder,
  openHistory,
  readTrainingCheckpoint,
  runFolder,
  type RunFolder,
  type SavedTraining,
  writeConfidence,
  writeCrossValidation,
} from "./run-folder.ts";
import {
  checkClassCount,
  hashedSource,
  openTrainingData,
  problemsOf,
  type TrainingData,
} from "./training-data.ts";
import { unreadable, validateWeights } from "./validator.ts";
import { sweepOf, writeReport } from "./write-report.ts";

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
  const { out, signal, resume = false, ranks } = options;
  const platform = ranks ? shareOfPlatform(whole, ranks) : whole;
  const isWriter = !ranks || ranks.rank === 0;
  const folder = runFolder((uri) => {
    const storage = platform.storageFor(uri);
    return isWriter ? storage : withoutWrites(storage);
  }, out);
  if (!resume && isWriter) await checkNewFolder(folder);
  const saved = resume ? await readTrainingCheckpoint(folder) : undefined;
  const layers = recipeLayers(options.recipe, saved);
  const recipe = resolveRecipe(layers);
  if (saved && recipe.mode === "head") throw otherMode(out, saved);
  if (options.validation !== undefined) checkValidationAsked(recipe, layers);
  checkUnlabelled(options, recipe);
  checkEngine(options, recipe);
  if (ranks) checkRanks(recipe, ranks);
  const data = await openTrainingData(platform, {
    data: options.data,
    validation: options.validation,
    unlabelled: options.unlabelled,
    pseudoLabelled: options.pseudoLabelled,
    isLabelled: recipe.mode !== "adapt",
    // A head is judged by cross-validation, and images without labels say nothing of accuracy: all are trained on.
    validationShare: recipe.mode === "head" || recipe.mode === "adapt" ? 0 : recipe.validationShare,
    seed: recipe.seed,
    imageColumn: options.imageColumn,
    labelColumn: options.labelColumn,
    labelsFile: options.labelsFile,
    readLabels: recipe.mode !== "adapt",
    exclude: out,
    signal,
  });
  if (data.splits?.validation.length) checkShareAsked(layers, data.validationName);
  checkPatience(recipe, data);
  const problems = recipe.mode === "adapt" ? undefined : await problemsOf(platform, options, data);
  const run: OpenedRun = { platform, options, recipe, folder, data, problems: problems?.problems, saved };
  if (data.splits) yield { type: "splits", ...data.splits };
  if (data.leftOut) yield { type: "left-out", leftOut: data.leftOut };
  if (problems && !saved) yield problems;
  yield* recipe.mode === "head" ? trainHeadRun(run) : trainNetwork(run);
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
function checkUnlabelled({ unlabelled, pseudoLabelled }: TrainModelOptions, { mode }: Recipe): void {
  if (pseudoLabelled !== undefined && (mode === "head" || mode === "adapt")) {
    throw new UsageError(
      "train/no-effect",
      `Images that a model labelled (pseudoLabelled): no effect in mode ${mode}, which has no batches of true labels to mix them into; leave them out, or take mode full or last-stages.`,
    );
  }
  if (unlabelled === undefined || mode === "head") return;
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
): Omit<FittedRecipe, "wholeBytes"> & Partial<FittedRecipe> {
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

/**
 * Refuses validation images of other classes before hours are spent on training.
 *
 * @throws DataError `data/class-mismatch`
 */
async function checkValidation(
  { validation, validationName }: TrainingData,
  description: ModelDescription,
): Promise<void> {
  mapClasses(validation?.classes ?? [], await classesOf(description), {
    what: `validation images ${validationName}`,
    owner: "the training images",
    remedy:
      "Check that the folder is the one that holds the class folders; leave images of other classes out, or train on some of these classes too.",
  });
}

/** @throws DataError `data/disk-full` before anything is written, for what the files that stand lack. */
async function checkRoom(
  { storage, path }: RunFolder,
  { stays, passes }: ReturnType<typeof runBytes>,
): Promise<void> {
  const standing = await folderBytes(storage, path);
  await checkSpace(storage, path, Math.max(0, stays - standing) + passes, "the run");
}

function disposable<T extends { close(): Promise<void> }>(resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => resource.close() });
}

/**
 * Trains the classifier alone. There is nothing to resume: embeddings that were computed are found in their cache, and
 * the rest takes seconds.
 */
async function* trainHeadRun(run: OpenedRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { platform, options, recipe, folder, data } = run;
  const { device = "cpu", decode = {}, threads, workers, signal } = options;
  const { training, validation, unlabelled } = data;
  const network = await openNetwork(run);
  const classes = network.kept ?? training.classes;
  if (!classes) {
    throw new UsageError(
      "train/classes",
      "Mode head needs data whose classes are known beforehand: folders, archives or tables, not standard input.",
    );
  }
  checkClassCount(classes);
  const source = await network.withClasses(classes);
  const images = training.size;
  const description = await trainedDescription(source, run, classes.length, images);
  await checkValidation(data, description);
  await checkRoom(folder, runBytes(recipe, description.config));
  const plan = { maxWorkers: workers, maxCores: threads };
  await requireEngineOfRun(platform, folder, options, device);
  const ranOn = await engineOfRun(folder, options, fasterFor(platform, source, { device, plan }));
  await beginFolder(folder, recipe);
  await writeEngine(folder, ranOn);
  yield {
    type: "started",
    model: description.provenance["model"] ?? description.name,
    classes,
    trainingImages: images ?? 0,
    validationImages: validation?.size,
    rowsWithoutImage: data.rowsWithoutImage,
    parameters: countParameters(description.config),
    recipe: effectiveRecipe(recipe),
    resumedAt: 0,
  };

  // What it starts from is said already.
  const fitting = trainHead(platform, { ...source, file: undefined }, training, {
    classes,
    unlabelled: unlabelled?.images,
    seed: recipe.seed,
    ...fittedTo(recipe),
    cache: options.embeddingCache,
    ...ranOn,
    device,
    plan,
    decode,
    signal,
  });
  const events: HeadEvent[] = [];
  let next = await fitting.next();
  for (; !next.done; next = await fitting.next()) {
    const event = next.value;
    if (event.type === "skipped" && recipe.onBrokenImage === "fail") throw brokenImage(event);
    events.push(event);
    yield event;
  }
  const { crossValidation, confidenceFit } = next.value;
  const { confidence } = confidenceFit;
  const measured =
    validation &&
    (await next.value.withWeights((weights) =>
      validateWeights(
        weights,
        {
          platform,
          images: validation,
          name: data.validationName,
          description: { ...description, confidence },
          ...ranOn,
          device,
          decode,
        },
        signal,
      ),
    ));
  if (measured) yield* unreadable(measured, recipe, new Set());
  const provenance = {
    ...description.provenance,
    ...(crossValidation ? provenanceOfCrossValidation(crossValidation.top1, crossValidation.folds) : {}),
    ...(measured ? provenanceOfValidation(measured.report.top1, data.validationName) : {}),
  };
  const trained: ModelSource = { ...next.value, description: { ...description, confidence, provenance } };
  await exportSafetensors(platform, trained, folder.best);
  if (crossValidation) await writeCrossValidation(folder, crossValidation, classes);
  await writeConfidence(folder, confidenceFit);
  yield { type: "checkpoint", kind: "best", path: folder.best, step: 0 };

  await writeReport({
    ...run,
    description: trained.description,
    device,
    ranOn,
    decode,
    status: "finished",
    rows: [],
    sweep: sweepOf(events),
    validation: measured,
    validationName: data.validationName,
    crossValidation,
    confidenceFit,
  });
  const { top1, top5, count: measuredImages } = measured?.report ?? {};
  yield {
    type: "finished",
    folder: folder.path,
    best: { epoch: 0, top1: top1 ?? null },
    top1,
    top5,
    measuredImages,
    crossValidatedTop1: crossValidation?.top1,
  };
}

/** What sampler and smoothing are to a classifier that is fitted at once: weights of the images, and soft targets. */
const fittedTo = ({ sampler, smoothing }: Recipe): { classBalanced: boolean; smoothing: number } => ({
  classBalanced: sampler === "class-balanced",
  smoothing,
});
