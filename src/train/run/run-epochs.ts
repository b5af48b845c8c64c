import { writeText } from "../../core/storage/index.ts";
import type { TrainingLoader } from "../../data/index.ts";
import {
  countParameters,
  provenanceOfValidation,
  type Confidence,
  type ModelDescription,
} from "../../nn/index.ts";
import { exportSafetensors, openModel, type ModelSource } from "../../predict/index.ts";
import { inferenceWeights } from "../../weights/index.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { Recipe } from "../recipe/fields.ts";
import { openTrainingStep, trainingProgramFor } from "../step/thread-step.ts";
import type { TrainingStep } from "../step/training-step.ts";
import { confidenceEvent, summaryCsv, type EpochEvent } from "../trainer/events.ts";
import { programOptions, startPosition, trainingPlan, type TrainingPosition } from "../trainer/plan.ts";
import { explainMemory, trainEpochs, type RunStore, type TrainingState } from "../trainer/train-epochs.ts";
import type { DataRecord } from "../trainer/training-record.ts";
import { initialTrainingState } from "../training-program.ts";
import type { OpenedRun, TrainingEvent } from "./options.ts";
import { gatherOutcome } from "./ranks.ts";
import {
  stateDict,
  withTrainingState,
  writeConfidence,
  writeTrainingCheckpoint,
  type History,
  type RunFolder,
} from "./run-folder.ts";
import { unreadable, validateWeights, type Validation, type ValidatorOptions } from "./validator.ts";
import { writeReport } from "./write-report.ts";

/** Takes the steps that a run still has, and writes its report. */
export async function* runEpochs(run: ReadyRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { platform, options, recipe, saved, folder, data, loader, description, record, history } = run;
  const { device = "cpu", decode = {}, ranks } = options;
  // Of several processes none stops before all do.
  const signal = ranks?.signal ?? options.signal;
  const plan = trainingPlan(recipe, loader.batchesPerEpoch);
  const from = saved?.record.position ?? startPosition;
  const { validation: images, validationName: name } = data;
  const validator = images && { platform, images, name, description, device, decode, ranks };
  let latest: Validation | undefined;
  let best: Validation | undefined;
  // Each epoch comes upon the same ones.
  const named = new Set<string>();
  const report = (status: "finished" | "stopped"): Promise<void> =>
    writeReport({
      ...run,
      device,
      decode,
      status,
      rows: history.rows,
      validation: best,
      validationName: data.validationName,
      confidenceFit: best?.confidenceFit,
    });

  // A kill between two files may have left the summary behind the history.
  await writeSummary(folder, history);
  const step = await openStep(run);
  let position: TrainingPosition;
  try {
    yield {
      type: "started",
      model: description.provenance["model"] ?? description.name,
      classes: loader.classes,
      trainingImages: loader.images,
      validationImages: data.validation?.size,
      rowsWithoutImage: data.rowsWithoutImage,
      parameters: countParameters(description.config),
      recipe: effectiveRecipe(recipe),
      plan,
      resumedAt: from.step,
    };
    for (const image of loader.leftOut) yield { type: "skipped", ...image };
    const training = trainEpochs(
      {
        recipe,
        plan,
        step,
        loader,
        validate:
          validator &&
          (async (state) => {
            latest = await validateWeights(inferenceWeights(stateDict(state)), validator, signal);
            return latest.report;
          }),
        store: runStore({
          folder,
          history,
          description,
          recipe,
          data: record,
          validationName: data.validationName,
          confidence: () => (latest ? latest.confidenceFit.confidence : description.confidence),
        }),
        gather: ranks && ((own) => gatherOutcome(ranks, own)),
        peakMemory: platform.peakMemory,
      },
      from,
      { checkpoint: saved && folder.last, signal },
    );
    let next = await training.next();
    for (; !next.done; next = await training.next()) {
      const event = next.value;
      if (event.type === "epoch" && event.best) best = latest;
      if (event.type === "stopped") await report("stopped");
      yield event;
      if (event.type === "stopped") return;
      if (event.type === "epoch" && latest) yield* unreadable(latest, recipe, named);
    }
    position = next.value;
  } finally {
    await step.release();
  }

  // The best epoch may have been before a resume.
  best ??= validator && (await validateFile(folder.best, validator, signal));
  if (best) yield* unreadable(best, recipe, named);
  await report("finished");
  if (best) await writeConfidence(folder, best.confidenceFit);
  if (recipe.mode !== "adapt")
    yield confidenceEvent(best?.confidenceFit ?? { ...description, reason: noImages });
  const { top1, top5, count: measuredImages } = best?.report ?? {};
  yield { type: "finished", folder: folder.path, best: position.best!, top1, top5, measuredImages };
}

const noImages = "no image was kept out of the training, to tell how sure the model is";

async function validateFile(
  path: string,
  options: ValidatorOptions,
  signal: AbortSignal | undefined,
): Promise<Validation> {
  const source = await openModel(options.platform, path);
  return source.withWeights((weights) => validateWeights(weights, options, signal));
}

/** A run over epochs that stands ready for its next step. */
interface ReadyRun extends OpenedRun {
  readonly loader: TrainingLoader;
  /** The network with the weights that the run begins with. */
  readonly source: ModelSource;
  /** What comes out. */
  readonly description: ModelDescription;
  readonly record: DataRecord;
  readonly history: History;
}

/**
 * The step of a run, with the state of its checkpoint, or the one that it begins with.
 *
 * @throws TrainingError `train/out-of-memory`; SessionError; WeightsError.
 */
async function openStep(run: ReadyRun): Promise<TrainingStep> {
  const { platform, options, recipe, saved, folder, source, description } = run;
  const { device = "cpu", threads, signal, ranks } = options;
  const { config, preprocessing } = description;
  const program = await trainingProgramFor(
    platform,
    device,
    config,
    programOptions(recipe, config, preprocessing.inputSize, ranks?.size),
  );
  const more = {
    device,
    seed: recipe.seed,
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
    ...(ranks ? { exchange: ranks.sum, firstMicroBatch: ranks.rank * program.accumulate } : {}),
  };
  try {
    if (saved) {
      return await withTrainingState(folder, (state) =>
        openTrainingStep(platform, program, { ...more, state }),
      );
    }
    return await source.withWeights((weights) =>
      openTrainingStep(platform, program, { ...more, state: initialTrainingState(program, { weights }) }),
    );
  } catch (error) {
    throw explainMemory(error, recipe);
  }
}

/** What a store writes into the files besides what it is handed. */
interface RunStoreParts {
  readonly folder: RunFolder;
  readonly history: History;
  readonly description: ModelDescription;
  readonly recipe: Recipe;
  readonly data: DataRecord;
  readonly validationName: string;
  /** How sure the latest weights are. */
  readonly confidence: () => Confidence | undefined;
}

/** A store in a folder: history, summary and checkpoints, each of which is replaced in one go. */
function runStore({
  folder,
  history,
  description,
  recipe,
  data,
  validationName,
  confidence,
}: RunStoreParts): RunStore {
  return {
    async append(row) {
      await history.append(row);
      if (row.type === "epoch") await writeSummary(folder, history);
    },
    async saveLast(state, position) {
      // In this order: a checkpoint never counts on rows that are not on disk.
      const historyBytes = await history.sync();
      const record = { recipe, data, position, historyBytes };
      await writeTrainingCheckpoint(folder, state, { description, record });
      return folder.last;
    },
    async saveWeights(kind, state, epoch) {
      const path = kind === "best" ? folder.best : folder.epoch(epoch.epoch);
      await writeWeights(folder, path, state, {
        ...withEpoch(description, epoch, validationName),
        confidence: confidence(),
      });
      return path;
    },
  };
}

/** Replaces the summary by that of the history's epochs. */
async function writeSummary({ storage, summary }: RunFolder, { rows }: History): Promise<void> {
  const epochs = rows.filter((row) => row.type === "epoch");
  await writeText(storage, summary, summaryCsv(epochs));
}

async function writeWeights(
  { storage }: RunFolder,
  path: string,
  state: TrainingState,
  description: ModelDescription,
): Promise<void> {
  const weights = inferenceWeights(stateDict(state));
  const source: ModelSource = { description, withWeights: (use) => use(weights) };
  await exportSafetensors({ storageFor: () => storage }, source, path);
}

function withEpoch(
  description: ModelDescription,
  { epoch, valTop1 }: EpochEvent,
  validationName: string,
): ModelDescription {
  const accuracy = valTop1 === undefined ? {} : provenanceOfValidation(valTop1, validationName);
  return {
    ...description,
    provenance: { ...description.provenance, epoch: `${epoch}`, ...accuracy },
  };
}
