import { countParameters } from "../../nn/index.ts";
import { startPosition, trainEpochs, trainingPlan, type TrainingPosition } from "../../train/index.ts";
import { inferenceWeights } from "../../weights/index.ts";
import { openModel } from "../open-model.ts";
import { peakMemory } from "./machine-facts.ts";
import { openStep } from "./open-step.ts";
import type { TrainingEvent } from "./options.ts";
import type { ReadyRun } from "./ready-run.ts";
import { runStore, writeSummary } from "./run-store.ts";
import { stateDict } from "./training-checkpoint.ts";
import { validateWeights, type Validation, type ValidatorOptions } from "./validator.ts";
import { writeReport } from "./write-report.ts";

/** Takes the steps that a run still has, and writes its report. */
export async function* runEpochs(run: ReadyRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { options, recipe, saved, folder, data, loader, description, record, history } = run;
  const { device = "cpu", decode = {}, signal } = options;
  const plan = trainingPlan(recipe, loader.batchesPerEpoch);
  const from = saved?.record.position ?? startPosition;
  const validator = data.validation && { images: data.validation, description, device, decode };
  let latest: Validation | undefined;
  let best: Validation | undefined;
  const report = (status: "finished" | "stopped"): Promise<void> =>
    writeReport({
      ...run,
      device,
      decode,
      status,
      rows: history.rows,
      validation: best,
      validationName: data.validationName,
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
      parameters: countParameters(description.config),
      recipe,
      plan,
      resumedAt: from.step,
    };
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
        store: runStore({ folder, history, description, recipe, data: record }),
        peakMemory,
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
    }
    position = next.value;
  } finally {
    await step.release();
  }

  // The best epoch may have been before a resume.
  best ??= validator && (await validateFile(folder.best, validator, signal));
  await report("finished");
  const { top1, top5 } = best?.report ?? {};
  yield { type: "finished", folder: folder.path, best: position.best!, top1, top5 };
}

async function validateFile(
  path: string,
  options: ValidatorOptions,
  signal: AbortSignal | undefined,
): Promise<Validation> {
  const source = await openModel(path);
  return source.withWeights((weights) => validateWeights(weights, options, signal));
}
