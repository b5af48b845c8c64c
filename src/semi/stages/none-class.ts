import type { SslResnextError } from "../../core/index.ts";
import { noneLabel } from "../../data/index.ts";
import { exportSafetensors, openModel } from "../../predict/index.ts";
import { trainNoneClass } from "../../train/index.ts";
import type { OpenStage, SemiContext, StageOutcome } from "../context.ts";
import { skippedWarning, type SemiEvent } from "../events.ts";
import type { NoneClassStage } from "../plan/stage.ts";
import { bestWeights, labelledImages, unlabelledImages, unlabelledInput } from "./training.ts";

/**
 * Fits a classifier that knows one class more than the labels, for what is none of them. Embeddings are found in the cache where
 * the classifier of the labels left them, so that there is nothing to resume.
 */
export const openNoneClass: OpenStage<NoneClassStage> = async (context, stage) => {
  const [head] = stage.needs;
  const { outputs } = await context.manifest(head);
  return {
    origin: {
      settings: { ...stage.settings },
      inputs: {
        ...(await labelledImages(context)).inputs,
        ...(await unlabelledInput(context)),
        [head]: outputs[bestWeights]!,
      },
    },
    run: () => fitNoneClass(context, stage),
  };
};

async function* fitNoneClass(
  context: SemiContext,
  { folder, needs: [head], settings: { noneImages, seed } }: NoneClassStage,
): AsyncGenerator<SemiEvent, StageOutcome, undefined> {
  const { platform, path, execution, signal } = context;
  const { engine, precision, device, plan } = execution;
  const { training, classes: labels } = await context.labelled();
  // What is labelled so shows none of the classes, as the images do that are drawn for it; a class cannot be told from itself.
  const others = labels.filter((name) => name !== noneLabel);
  const classes = others.length > 1 ? others : labels;
  const source = await openModel(platform, path(head, bestWeights), { numClasses: classes.length, classes });
  const fitting = trainNoneClass(platform, source, training.images, {
    classes,
    unlabelled: (await unlabelledImages(context)).images,
    noneImages,
    seed,
    engine,
    precision,
    device,
    plan,
    signal,
  });
  const skipped = new Map<string, SslResnextError>();
  let next = await fitting.next();
  for (; !next.done; next = await fitting.next()) {
    const event = next.value;
    // What is tried was tried for the classifier of the labels, too, and shown then.
    if (event.type === "embedded" || event.type === "unlabelled-embedded") {
      yield { type: "training", stage: folder, event };
    }
    if (event.type === "skipped") skipped.set(event.id, event.error);
  }
  yield* skippedWarning(folder, skipped);
  const { counts, ...model } = next.value;
  const { provenance } = model.description;
  const data = `${training.name}, and ${counts.none} images of ${context.settings.unlabelled.join(" ")} that stand for none of the classes`;
  const description = { ...model.description, name: folder, provenance: { ...provenance, data } };
  await exportSafetensors(platform, { ...model, description }, path(folder, bestWeights));
  return {
    outputs: [bestWeights],
    counts: {
      images: counts.labelled,
      "unlabelled images embedded": counts.unlabelled,
      "none of the classes": counts.none,
      imagesProcessed: counts.labelled + counts.unlabelled,
    },
  };
}
