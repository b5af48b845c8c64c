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
  rankOf,
  restrictToSubset,
  softmax,
  topk,
  type Accuracy,
  type ClassSubset,
  type ConfusionMatrix,
} from "./metrics/metrics.ts";
import { reliabilityMeter, type Reliability } from "./metrics/confidence.ts";
import type { Failure, Network } from "./results.ts";

export interface ValidateOptions {
  /**
   * Counts a second accuracy with the reassessed labels of ImageNet's validation set; the only one where the images lie in no
   * class folders. Images that they say nothing of, by their names, count as failed.
   */
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
  /** Softmax probability of the predicted class, 0 to 1, at the model's temperature where it has one. */
  readonly probability: number;
  /** Of all classes, as the network gives them. */
  readonly logits: Float32Array<ArrayBuffer>;
}

/** NaN stands for what no image was counted for, as without labels but those of `realLabels`. */
export interface ValidationReport extends Accuracy {
  /** Mean cross-entropy in nats, at temperature 1. */
  readonly loss: number;
  /** How far the probabilities can be believed: those of the logits as they come, and at the model's temperature if it has one. */
  readonly reliability: { readonly raw: Reliability; readonly scaled?: Reliability };
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
  const isReal = realLabels !== undefined;
  if (isReal) await checkRealNames(images, realLabels);
  const announced = isReal ? classesBesideReal(images, classes) : mapClasses(images.classes ?? [], classes);
  const classOf = classLookup(classes, announced ?? new Map());
  const place = subset && new Map(subset.map((index, position) => [index, position]));
  if (place && announced) checkAnnounced(announced, place, model.classes.length);
  const meter = accuracyMeter();
  const realMeter = accuracyMeter();
  const confusion = confusionMatrix(model.classes.length);
  const failures: Failure[] = [];
  const temperature = model.description.confidence?.temperature;
  const raw = reliabilityMeter();
  const scaled = temperature === undefined ? undefined : reliabilityMeter();
  let done = 0;
  let failed = 0;

  const count = (item: ImageItem, logits: Float32Array<ArrayBuffer>): void => {
    const target = classOf(item);
    const scores = subset ? restrictToSubset(logits, subset) : logits;
    const position = place ? place.get(target) : target;
    if (position === undefined) {
      throw new DataError(
        "data/outside-subset",
        `${item.id}: its class ${target} (${model.classes[target]}) is not among the ${place?.size} of the subset.`,
      );
    }
    const best = topk(scores, 1)[0]!.index;
    meter.add(rankOf(scores, position));
    raw.add(scores, position);
    scaled?.add(scores, position, temperature);
    const predicted = subset ? subset[best]! : best;
    countPrediction(confusion, target, predicted);
    onPrediction?.({ item, target, predicted, probability: softmax(scores, temperature)[best]!, logits });
  };
  const fail = async (failure: Failure): Promise<void> => {
    failed++;
    if (failures.length < keptFailures) failures.push(failure);
    await onFailure?.(failure);
  };
  const usable = {
    size: images.size,
    [Symbol.asyncIterator]: () =>
      // By reassessed labels images are measured that have none of their own.
      usableImages(images, { labels: !isReal }, async ({ id, error }) => {
        done++;
        await fail({ image: id, error });
        onProgress?.(done, failed);
      }),
  };
  for await (const result of model.run(["logits"], usable, signal)) {
    done++;
    const real = "error" in result ? undefined : realLabelsOf(result.image, realLabels);
    if ("error" in result) await fail(result);
    else if (real instanceof DataError) await fail({ image: result.image, error: real });
    else {
      const logits = result.outputs["logits"]!.data;
      if (real && real.length > 0) realMeter.add(bestRankOf(logits, real));
      if (announced && !(isReal && result.item.label === undefined)) count(result.item, logits);
    }
    onProgress?.(done, failed);
  }
  const reliability = { raw: raw.result(), ...(scaled ? { scaled: scaled.result() } : {}) };
  return {
    ...meter.result(),
    loss: reliability.raw.loss,
    reliability,
    real: realLabels && realMeter.result(),
    confusion,
    failed,
    failures,
  };
}

/**
 * The classes of data that is measured by other labels: undefined where a single folder holds all images, and is no class.
 */
function classesBesideReal(
  { classes = [] }: Labelled,
  known: ModelClasses,
): ReadonlyMap<string, number> | undefined {
  try {
    return mapClasses(classes, known);
  } catch (error) {
    if (classes.length === 1 && error instanceof DataError) return undefined;
    throw error;
  }
}

/** Refuses data that the labels say nothing of, before hours are spent on them. @throws DataError `data/real-id` */
async function checkRealNames(images: Labelled, realLabels: RealLabels): Promise<void> {
  // A stream can be walked once.
  if (images.size === undefined) return;
  let first: DataError | undefined;
  for await (const { id } of images) {
    const labels = realLabelsOf(id, realLabels);
    if (!(labels instanceof DataError)) return;
    first ??= labels;
  }
  if (first) throw first;
}

/** The reassessed labels of an image, or why it has none. */
function realLabelsOf(
  id: string,
  realLabels: RealLabels | undefined,
): readonly number[] | DataError | undefined {
  try {
    return realLabels?.labelsOf(id);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
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
    const found = known.get(label) ?? mapClasses([...known.keys(), label], classes).get(label)!;
    known.set(label, found);
    return found;
  };
}
