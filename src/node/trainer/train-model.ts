import { resolveRecipe, type RecipeLayer } from "../../train/index.ts";
import type { RecipeValues, TrainingEvent, TrainModelOptions } from "./options.ts";
import type { OpenedRun } from "./opened-run.ts";
import { checkNewFolder, exists, runFolder } from "./run-folder.ts";
import { trainHeadRun } from "./train-head-run.ts";
import { trainNetwork } from "./train-network.ts";
import { readTrainingCheckpoint, type SavedTraining } from "./training-checkpoint.ts";
import { openTrainingData } from "./training-data.ts";

/**
 * Trains a network, or its last stages, or its classifier, on labelled images.
 *
 * Everything is written to one folder: the resolved recipe, the history, the last and the best checkpoint, a report.
 * On the CPU a run that was killed and resumed ends with the same weights, bit for bit. When the signal is aborted,
 * the run saves what it needs to go on, gives the event `stopped`, and ends.
 *
 * @throws UsageError `train/recipe`, `train/out-exists`, `train/model`; TrainingError `train/other-run`,
 *   `train/no-checkpoint`, `train/history`, `train/not-finite`, `train/out-of-memory`; what opening images, model and
 *   device throws.
 * @example
 * for await (const event of trainModel({ data: "photos", model: "ssl_resnext50_32x4d", out: "run" })) {
 *   if (event.type === "epoch") console.log(event.epoch, event.valTop1);
 * }
 */
export async function* trainModel(
  options: TrainModelOptions,
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { out, signal, resume = false } = options;
  const folder = runFolder(out);
  if (!resume) await checkNewFolder(out);
  const saved = resume && (await exists(folder.last)) ? await readTrainingCheckpoint(folder.last) : undefined;
  const recipe = resolveRecipe(recipeLayers(options.recipe, saved));
  const data = await openTrainingData({
    data: options.data,
    validation: options.validation,
    validationShare: recipe.validationShare,
    seed: recipe.seed,
    imageColumn: options.imageColumn,
    labelColumn: options.labelColumn,
    signal,
  });
  const run: OpenedRun = { options, recipe, folder, data, saved };
  yield* recipe.mode === "head" ? trainHeadRun(run) : trainNetwork(run);
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
