import { UsageError } from "../../core/index.ts";
import { countParameters, provenanceOfCrossValidation, provenanceOfValidation } from "../../nn/index.ts";
import { exportSafetensors, type ModelSource } from "../../predict/index.ts";
import { trainHead, type HeadEvent } from "../head/train-head.ts";
import { brokenImage } from "../loader/batch-worker.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { Recipe } from "../recipe/fields.ts";
import { runBytes } from "../trainer/plan.ts";
import { openNetwork, trainedDescription } from "./network.ts";
import type { OpenedRun, TrainingEvent } from "./options.ts";
import { engineOfRun, fasterFor, requireEngineOfRun, writeEngine } from "./run-engine.ts";
import { beginFolder, checkRoom, writeConfidence, writeCrossValidation } from "./run-folder.ts";
import { checkClassCount } from "./training-data.ts";
import { checkValidation, unreadable, validateWeights } from "./validator.ts";
import { sweepOf, writeReport } from "./write-report.ts";

/**
 * Trains the classifier alone. There is nothing to resume: embeddings that were computed are found in their cache, and
 * the rest takes seconds.
 */
export async function* trainHeadRun(run: OpenedRun): AsyncGenerator<TrainingEvent, void, undefined> {
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
