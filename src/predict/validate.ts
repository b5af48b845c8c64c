import { DataError } from "../core/index.ts";
import { mapClasses, type ImageItem, type RealLabels } from "../data/index.ts";
import { classesOf } from "./class-names.ts";
import {
  accuracyMeter,
  bestRankOf,
  confusionMatrix,
  countPrediction,
  rankOf,
  restrictToSubset,
  topk,
  type Accuracy,
  type ClassSubset,
  type ConfusionMatrix,
} from "./metrics/index.ts";
import type { Model } from "./model.ts";
import type { Failure } from "./results.ts";

export interface ValidateOptions {
  /** Counts a second accuracy with the reassessed labels of ImageNet's validation set. */
  readonly realLabels?: RealLabels | undefined;
  /** The model chooses among these classes only, as for ImageNet-A and -R. */
  readonly subset?: ClassSubset | undefined;
  /** Called after every image. */
  readonly onProgress?: ((done: number, failed: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ValidationReport extends Accuracy {
  /** Accuracy by the ReaL labels, when they were given. */
  readonly real: Accuracy | undefined;
  /** Rows and columns are the model's class indices. */
  readonly confusion: ConfusionMatrix;
  /** Images that could not be used; they count as neither right nor wrong. */
  readonly failures: readonly Failure[];
}

type Labelled = AsyncIterable<ImageItem> & {
  readonly classes?: readonly string[] | undefined;
  readonly size?: number | undefined;
};

/** Runs a model over labelled images and counts how often it is right. */
export async function validate(
  model: Model,
  images: Labelled,
  options: ValidateOptions,
): Promise<ValidationReport> {
  const { realLabels, subset, onProgress, signal } = options;
  const classOf = classLookup(model, images.classes);
  const place = subset && new Map(subset.map((index, position) => [index, position]));
  const meter = accuracyMeter();
  const realMeter = accuracyMeter();
  const confusion = confusionMatrix(model.classes.length);
  const failures: Failure[] = [];
  let done = 0;

  for await (const result of model.run(["logits"], images, signal)) {
    done++;
    if ("error" in result) {
      failures.push(result);
    } else {
      const logits = result.outputs["logits"]!.data;
      const target = classOf(result.item);
      const scores = subset ? restrictToSubset(logits, subset) : logits;
      const position = place ? place.get(target) : target;
      if (position === undefined) {
        throw new DataError(
          "data/outside-subset",
          `${result.image}: its class ${target} (${model.classes[target]}) is not among the ${subset?.length} of the subset.`,
        );
      }
      const best = topk(scores, 1)[0]!.index;
      meter.add(rankOf(scores, position));
      countPrediction(confusion, target, subset ? subset[best]! : best);
      const real = realLabels?.labelsOf(result.image) ?? [];
      if (real.length > 0) realMeter.add(bestRankOf(logits, real));
    }
    onProgress?.(done, failures.length);
  }
  return { ...meter.result(), real: realLabels && realMeter.result(), confusion, failures };
}

/** Class index of an item; labels that were not announced by the source are matched when they come. */
function classLookup(model: Model, announced: readonly string[] | undefined): (item: ImageItem) => number {
  const classes = classesOf(model.description);
  const known = new Map(mapClasses(announced ?? [], classes));
  return ({ id, label }) => {
    if (label === undefined) {
      throw new DataError(
        "data/no-label",
        `${id}: has no label; validation needs class folders, WebDataset .cls entries or a Parquet label column.`,
      );
    }
    const found = known.get(label) ?? mapClasses([label], classes).get(label)!;
    known.set(label, found);
    return found;
  };
}
