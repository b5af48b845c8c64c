import { UsageError } from "../../core/index.ts";
import { countParameters } from "../../nn/index.ts";
import type { SweepRecord } from "../../train/index.ts";
import { exportSafetensors } from "../export-model.ts";
import { trainHead, type HeadEvent } from "../head/index.ts";
import type { ModelSource } from "../open-model.ts";
import { openNetwork } from "./network.ts";
import type { OpenedRun } from "./opened-run.ts";
import type { TrainingEvent } from "./options.ts";
import { beginFolder } from "./run-folder.ts";
import { trainedDescription } from "./starting-model.ts";
import { validateWeights } from "./validator.ts";
import { writeReport } from "./write-report.ts";

/**
 * Trains the classifier alone. There is nothing to resume: embeddings that were computed are found in their cache, and
 * the rest takes seconds.
 */
export async function* trainHeadRun(run: OpenedRun): AsyncGenerator<TrainingEvent, void, undefined> {
  const { options, recipe, folder, data } = run;
  const { device = "cpu", decode = {}, signal } = options;
  const { training, validation } = data;
  const network = await openNetwork(run);
  const classes = network.kept ?? training.classes;
  if (!classes) {
    throw new UsageError(
      "train/classes",
      "Mode head needs data whose classes are known beforehand: folders, archives or tables, not standard input.",
    );
  }
  const source = await network.withClasses(classes);
  const images = training.size;
  const description = trainedDescription(source, run, classes.length, images);
  await beginFolder(folder, recipe);
  yield {
    type: "started",
    model: description.provenance["model"] ?? description.name,
    classes,
    trainingImages: images ?? 0,
    validationImages: validation?.size,
    parameters: countParameters(description.config),
    recipe,
    resumedAt: 0,
  };

  const fitting = trainHead(source, training, {
    classes,
    seed: recipe.seed,
    cache: options.embeddingCache,
    device,
    decode,
    signal,
  });
  const events: HeadEvent[] = [];
  let next = await fitting.next();
  for (; !next.done; next = await fitting.next()) {
    events.push(next.value);
    yield next.value;
  }
  const trained: ModelSource = { ...next.value, description };
  await exportSafetensors(trained, folder.best);
  yield { type: "checkpoint", kind: "best", path: folder.best, step: 0 };

  const measured =
    validation &&
    (await trained.withWeights((weights) =>
      validateWeights(weights, { images: validation, description, device, decode }, signal),
    ));
  await writeReport({
    ...run,
    description,
    device,
    decode,
    status: "finished",
    rows: [],
    sweep: sweepOf(events),
    validation: measured,
    validationName: data.validationName,
  });
  const { top1, top5 } = measured?.report ?? {};
  yield { type: "finished", folder: folder.path, best: { epoch: 0, top1: top1 ?? null }, top1, top5 };
}

function sweepOf(events: readonly HeadEvent[]): readonly SweepRecord[] {
  const chosen = events.find((event) => event.type === "fitted")?.l2;
  return events
    .filter((event) => event.type === "tried")
    .map(({ l2, loss, top1 }) => ({ l2, loss, top1, chosen: l2 === chosen }));
}
