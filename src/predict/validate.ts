import { DataError } from "../core/index.ts";
import {
  mapClasses,
  usableImages,
  type ImageItem,
  type ModelClasses,
  type RealLabels,
} from "../data/index.ts";
import {
  accuracyMeter,
  bestRankOf,
  confusionMatrix,
  countPrediction,
  crossEntropy,
  rankOf,
  restrictToSubset,
  softmax,
  topk,
  type Accuracy,
  type ClassSubset,
  type ConfusionMatrix,
} from "./metrics.ts";
import type { Failure, Network } from "./results.ts";

export interface ValidateOptions {
  /** Counts a second accuracy with the reassessed labels of ImageNet's validation set. */
  readonly realLabels?: RealLabels | undefined;
  /** The model chooses among these classes only, as for ImageNet-A and -R. */
  readonly subset?: ClassSubset | undefined;
  /** Called with each image that could not be used, as it comes; the run goes on when the promise resolves. */
  readonly onFailure?: ((failure: Failure) => Promise<void> | void) | undefined;
  /** Called with what the model made of each image, after the image is counted. */
  readonly onPrediction?: ((prediction: ValidatedImage) => void) | undefined;
  /** Called after every image. */
  readonly onProgress?: ((done: number, failed: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a model made of a labelled image. */
export interface ValidatedImage {
  readonly item: ImageItem;
  /** Index of the right class. */
  readonly target: number;
  /** Index of the class that it was taken for. */
  readonly predicted: number;
  /** Softmax probability of the predicted class, 0 to 1. */
  readonly probability: number;
}

export interface ValidationReport extends Accuracy {
  /** Mean cross-entropy in nats; NaN when no image was counted. */
  readonly loss: number;
  /** Accuracy by the ReaL labels, when they were given. */
  readonly real: Accuracy | undefined;
  /** Rows and columns are the model's class indices. */
  readonly confusion: ConfusionMatrix;
  /** How many images could not be used; they count as neither right nor wrong. */
  readonly failed: number;
  /** The first 100 of them; `onFailure` gets them all. */
  readonly failures: readonly Failure[];
}

const keptFailures = 100;

type Labelled = AsyncIterable<ImageItem> & {
  readonly classes?: readonly string[] | undefined;
  readonly size?: number | undefined;
};

/** Runs a model over labelled images and counts how often it is right. */
export async function validate(
  model: Network,
  images: Labelled,
  options: ValidateOptions,
): Promise<ValidationReport> {
  const { realLabels, subset, onFailure, onPrediction, onProgress, signal } = options;
  const classes = model.modelClasses;
  const announced = mapClasses(images.classes ?? [], classes);
  const classOf = classLookup(classes, announced);
  const place = subset && new Map(subset.map((index, position) => [index, position]));
  if (place) checkAnnounced(announced, place, model.classes.length);
  const meter = accuracyMeter();
  const realMeter = accuracyMeter();
  const confusion = confusionMatrix(model.classes.length);
  const failures: Failure[] = [];
  let loss = 0;
  let done = 0;
  let failed = 0;

  const fail = async (failure: Failure): Promise<void> => {
    failed++;
    if (failures.length < keptFailures) failures.push(failure);
    await onFailure?.(failure);
  };
  const labelled = {
    size: images.size,
    [Symbol.asyncIterator]: () =>
      usableImages(images, { labels: true }, async ({ id, error }) => {
        done++;
        await fail({ image: id, error });
        onProgress?.(done, failed);
      }),
  };
  for await (const result of model.run(["logits"], labelled, signal)) {
    done++;
    if ("error" in result) await fail(result);
    else {
      const logits = result.outputs["logits"]!.data;
      const target = classOf(result.item);
      const scores = subset ? restrictToSubset(logits, subset) : logits;
      const position = place ? place.get(target) : target;
      if (position === undefined) {
        throw new DataError(
          "data/outside-subset",
          `${result.image}: its class ${target} (${model.classes[target]}) is not among the ${place?.size} of the subset.`,
        );
      }
      const best = topk(scores, 1)[0]!.index;
      meter.add(rankOf(scores, position));
      loss += crossEntropy(scores, position);
      const predicted = subset ? subset[best]! : best;
      countPrediction(confusion, target, predicted);
      onPrediction?.({ item: result.item, target, predicted, probability: softmax(scores)[best]! });
      const real = realLabels?.labelsOf(result.image) ?? [];
      if (real.length > 0) realMeter.add(bestRankOf(logits, real));
    }
    onProgress?.(done, failed);
  }
  const accuracy = meter.result();
  return {
    ...accuracy,
    loss: loss / accuracy.count,
    real: realLabels && realMeter.result(),
    confusion,
    failed,
    failures,
  };
}

/** Refuses data of other classes than the subset's before hours are spent on the first of them. */
function checkAnnounced(
  announced: ReadonlyMap<string, number>,
  subset: ReadonlyMap<number, number>,
  numClasses: number,
): void {
  // The metadata of a table may name all classes of the model, and say nothing of those that it holds.
  if (new Set(announced.values()).size === numClasses) return;
  const outside = [...announced].filter(([, index]) => !subset.has(index)).map(([label]) => label);
  if (outside.length === 0) return;
  const shown = outside.slice(0, 5).join(", ") + (outside.length > 5 ? ", ..." : "");
  throw new DataError(
    "data/outside-subset",
    `${outside.length} of the data's ${announced.size} classes are not among the ${subset.size} of the subset: ${shown}. Take the data that belong to the subset.`,
  );
}

/** Class index of an item; labels that were not announced by the source are matched when they come. */
function classLookup(
  classes: ModelClasses,
  announced: ReadonlyMap<string, number>,
): (item: ImageItem) => number {
  const known = new Map(announced);
  return ({ label = "" }) => {
    const found = known.get(label) ?? mapClasses([label], classes).get(label)!;
    known.set(label, found);
    return found;
  };
}
