import { TrainingError, UsageError } from "../../core/index.ts";
import { hasWeights, type ModelDescription } from "../../nn/index.ts";
import { isWeightsPath } from "../../predict/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import { chooseMode, countLabels, type ChosenMode } from "../recipe/choose-mode.ts";
import type { Recipe } from "../recipe/fields.ts";
import { autoRecipe } from "../recipe/recipe.ts";
import { resolveRecipe, type RecipeLayer } from "../recipe/resolve-recipe.ts";
import { fitBatch, checkNetwork, runBytes } from "../trainer/plan.ts";
import { openNetwork, startingModel } from "./network.ts";
import type { OpenedRun, TrainingEvent, TrainModelOptions } from "./options.ts";
import { trainHeadRun } from "./run-head.ts";
import { checkRoom, runFolder, type RunFolder, type SavedTraining } from "./run-folder.ts";
import { openTrainingData, trainingDataOptions } from "./training-data.ts";

/** What becomes of mode `auto` in a run, and by which recipe. */
interface AutoMode {
  readonly choice: ChosenMode;
  readonly layers: readonly RecipeLayer[];
}

/** Whether the mode that layers ask for is `auto`. */
export const asksForAuto = (layers: readonly RecipeLayer[]): boolean =>
  layers.findLast(({ values }) => values["mode"] !== undefined)?.values["mode"] === "auto";

/** Where the classifier stands that the whole network is trained from. */
const classifierFolder = ({ storage, path }: RunFolder): RunFolder =>
  runFolder(() => storage, storage.join(path, "classifier"));

/**
 * Chooses the mode of a new run by its labelled images and its start; nothing is written, and the images are opened again by who
 * trains. All of them are trained on unless a share to hold out is asked for.
 *
 * @throws UsageError `train/model` for random weights, `train/classes`; what opening images and model throws.
 */
export async function chooseAutoMode(
  platform: TrainingPlatform,
  options: TrainModelOptions,
  asked: readonly RecipeLayer[],
): Promise<AutoMode> {
  checkStartsTrained(options);
  const { description } = await startingModel(platform, { ...options, onNotice: undefined }, {});
  const layersFor = (mode: ChosenMode["mode"]): readonly RecipeLayer[] => layersOf(asked, mode);
  const recipe = resolveRecipe(layersFor("full"), { idle: "kept" });
  const { training } = await openTrainingData(platform, trainingDataOptions(options, recipe));
  if (!training.classes) {
    throw new UsageError(
      "train/classes",
      "Mode auto needs data whose classes are known beforehand: folders, archives or tables, not standard input.",
    );
  }
  const { mode, because } = chooseMode(isAdapted(description), (await countLabels(training)).imagesOfClass);
  const choice: ChosenMode =
    mode === "head" ? { mode, because } : { mode, because: `${because}; the classifier is fitted first` };
  return { choice, layers: layersFor(mode) };
}

/**
 * The mode of a run that goes on is the one that was chosen when it began.
 *
 * @throws TrainingError `train/other-run` for a run that was begun in a mode of its own.
 */
export async function savedAutoMode(
  folder: RunFolder,
  { record }: SavedTraining,
  asked: readonly RecipeLayer[],
): Promise<AutoMode> {
  const { mode } = record.recipe;
  const { storage, best } = classifierFolder(folder);
  if (mode !== "full" || !(await storage.stat(best))) {
    throw new TrainingError(
      "train/other-run",
      `${folder.path}: holds a training that was begun in mode ${mode}, without the classifier that mode auto fits first (${best}). Leave the mode out to go on with it, or give another folder.`,
    );
  }
  return { choice: { mode, because: "the run began so, and goes on" }, layers: layersOf(asked, mode) };
}

/** What is asked for, with the mode that was chosen; on top of the recipe that mode `auto` trains the whole network by. */
function layersOf(asked: readonly RecipeLayer[], mode: ChosenMode["mode"]): readonly RecipeLayer[] {
  const chosen = asked.map(({ values, ...layer }) =>
    values["mode"] === "auto" ? { ...layer, values: { ...values, mode } } : { ...layer, values },
  );
  const own: RecipeLayer = { name: "mode auto", values: { base: autoRecipe } };
  if (asked.some(({ values }) => values["validationShare"] !== undefined)) return [own, ...chosen];
  return [own, ...chosen, { name: "mode auto", values: { validationShare: 0 } }];
}

/** @throws UsageError `train/model` for a start with random weights. */
function checkStartsTrained({ model, weights, scratch = false }: TrainModelOptions): void {
  const isTrained = weights !== undefined || model === undefined || isWeightsPath(model) || hasWeights(model);
  if (isTrained && !scratch) return;
  throw new UsageError(
    "train/model",
    `Mode auto goes on from trained weights, and ${model ?? "this run"} would start from random ones${scratch ? " (scratch)" : ""}: name a trained model or a file of weights (--model, --weights), or take mode full, which trains from the start.`,
  );
}

/** Whether a network was adapted to images without labels last. */
function isAdapted({ provenance }: ModelDescription): boolean {
  try {
    const recipe = JSON.parse(provenance["recipe"] ?? "{}") as Partial<Recipe>;
    return recipe.mode === "adapt";
  } catch {
    // Of another program.
    return false;
  }
}

/**
 * Checks what is asked for beside mode `auto` by what was chosen, and says so where it is refused.
 *
 * @throws UsageError as `check` does.
 */
export function explained<T>(choice: ChosenMode | undefined, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!choice || !(error instanceof UsageError)) throw error;
    const { mode, because } = choice;
    throw new UsageError(error.code, `Mode auto takes mode ${mode}: ${because}. ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Fits the classifier of a run that will train the whole network, in a folder of its own.
 *
 * There is nothing to resume, as in mode `head`.
 *
 * @returns The run, which starts from that classifier and is taken to be as sure as it.
 */
export async function* fitClassifier(
  run: OpenedRun,
  layers: readonly RecipeLayer[],
): AsyncGenerator<TrainingEvent, OpenedRun, undefined> {
  const { options, folder, data, recipe: whole } = run;
  // What cannot go well afterwards is better known now.
  const quiet = { ...run, options: { ...options, onNotice: undefined } };
  const { config, preprocessing } = (await openNetwork(quiet)).description;
  const { size } = data.training;
  checkNetwork(size === undefined ? whole : fitBatch(whole, size), config, preprocessing.inputSize);
  await checkRoom(folder, runBytes(whole, config));
  const classifier = classifierFolder(folder);
  const head = layers.map(({ values, ...layer }) => ({
    ...layer,
    values: values["mode"] === undefined ? values : { ...values, mode: "head" },
  }));
  const recipe = resolveRecipe(head, { idle: "kept" });
  for await (const event of trainHeadRun({
    ...run,
    recipe,
    folder: classifier,
    data: { ...data, pseudoLabelled: undefined },
  })) {
    // There is more to come.
    if (event.type !== "finished") yield event;
  }
  const start = { model: undefined, key: undefined, ema: undefined, weights: classifier.best };
  return { ...run, options: { ...options, ...start, keepConfidence: true } };
}
