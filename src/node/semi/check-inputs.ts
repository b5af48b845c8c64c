import { UsageError } from "../../core/index.ts";
import { emptyClasses, mapClasses, noLabel, type ImageSource } from "../../data/index.ts";
import { modelConfig } from "../../nn/index.ts";
import type { Stage, TrainingSettings } from "../../semi/index.ts";
import { openImages } from "../images/index.ts";
import { isOnnxPath, isWeightsPath, openModel } from "../open-model.ts";
import { noClasses, type SemiContext } from "./context.ts";
import type { ShardsEvent } from "./events.ts";
import { beginsWithTeacher, noModel } from "./no-model.ts";
import { hashShards, listShards } from "./shards.ts";

/**
 * Refuses what would end the run hours later, before anything is written.
 *
 * @param stages Those that are to be done.
 * @throws UsageError `semi/settings` for images or a model that are not named, and for images without classes;
 *   DataError `data/empty-classes`, `data/no-label`, `data/class-mismatch`, and for what cannot be read; ModelError for
 *   an unknown model.
 */
export async function* checkInputs(
  context: SemiContext,
  stages: readonly Stage[],
): AsyncGenerator<ShardsEvent, void, undefined> {
  const { settings, fingerprints, signal } = context;
  const kinds = new Set(stages.map(({ kind }) => kind));
  for (const stage of stages) await checkStart(stage);
  if (kinds.has("score")) {
    yield* hashShards(settings.unlabelled, fingerprints, signal);
    await listShards(settings.unlabelled, settings.shardImages, fingerprints, signal);
    if (!settings.teach && settings.teacher === null) throw noModel("score");
  }
  if (![...kinds].some((kind) => kind !== "select")) return;
  const { training, validation, classes } = await context.labelled();
  await checkClasses(training.images, classes);
  if (validation) await checkLabels(validation.images, validation.name, classes);
  if (!settings.test || !(kinds.has("measure") || kinds.has("score"))) return;
  await checkLabels(await openImages(settings.test, { signal }), settings.test.join(" "), classes);
}

/** Looks for the model that a training starts from. */
async function checkStart({ kind, settings }: Stage): Promise<void> {
  const { start } = settings as Partial<TrainingSettings>;
  if (!start || "folder" in start) return;
  const { model } = start;
  if (model === "") throw noModel(kind);
  if (isOnnxPath(model)) {
    throw new UsageError(
      "semi/settings",
      `${model}: an exported graph cannot be trained. Say what the ${beginsWithTeacher(kind) ? "teacher (teacher, --teacher)" : "student (student, --student)"} is: an architecture such as resnext50_32x4d.`,
    );
  }
  if (isWeightsPath(model)) await openModel(model);
  else modelConfig(model);
}

async function checkClasses(images: ImageSource, classes: readonly string[]): Promise<void> {
  const present = new Set<string | undefined>();
  for await (const { label } of images) present.add(label);
  const empty = classes.filter((name) => !present.has(name));
  if (empty.length > 0) throw emptyClasses(empty, classes.length);
}

async function checkLabels(images: ImageSource, name: string, classes: readonly string[]): Promise<void> {
  if (!images.classes) throw noClasses(name);
  mapClasses(images.classes, classes);
  for await (const { id, label } of images) if (label === undefined) throw noLabel(id);
}
