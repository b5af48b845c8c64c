import { imagenetClasses, mapClasses, type ImageSource, type TrainingLoader } from "../../data/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import { checkResume, type DataRecord } from "../../train/index.ts";
import { openTrainingLoader } from "../training/index.ts";
import { openHistory } from "./history.ts";
import { namedConfig, openNetwork, savedNetwork } from "./network.ts";
import type { OpenedRun } from "./opened-run.ts";
import type { TrainingEvent } from "./options.ts";
import { runEpochs } from "./run-epochs.ts";
import { beginFolder } from "./run-folder.ts";
import { trainedDescription } from "./starting-model.ts";
import { hashedSource } from "./training-data.ts";

/** Trains by epochs: all of a network, or its last stages. */
export async function* trainNetwork(run: OpenedRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { options, recipe, data, saved, folder } = run;
  const network = await (saved ? savedNetwork(run) : openNetwork(run));
  const training = hashedSource(data.training);
  await using loader = disposable(
    await openTrainingLoader(training, {
      batchSize: recipe.batchSize,
      seed: recipe.seed,
      preprocessing: network.description.preprocessing,
      augmentation: recipe,
      mixing: recipe,
      classes: network.kept,
      classesMayBeEmpty: options.classesMayBeEmpty,
      sampler: recipe.sampler,
      workers: options.workers,
      onBrokenImage: recipe.onBrokenImage,
      decode: options.decode,
      signal: options.signal,
    }),
  );
  const record: DataRecord = {
    images: loader.images,
    hash: training.hash ?? "",
    validationImages: data.validation?.size ?? null,
  };
  if (saved) await checkSaved(run, loader, record);
  const source = await network.withClasses(loader.classes);
  const description =
    saved?.description ?? trainedDescription(source, run, loader.classes.length, loader.images);
  checkValidation(data.validation, description);
  await beginFolder(folder, recipe);
  await using history = disposable(await openHistory(folder.history, saved?.record.historyBytes ?? 0));
  yield* runEpochs({ ...run, loader, source, description, record, history });
}

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
function checkValidation(validation: ImageSource | undefined, { classes }: ModelDescription): void {
  mapClasses(validation?.classes ?? [], classes === "imagenet-1k" ? imagenetClasses : classes);
}

function disposable<T extends { close(): Promise<void> }>(resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => resource.close() });
}
