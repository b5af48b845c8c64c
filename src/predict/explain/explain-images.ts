import { ModelError, type Tensor } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { Tap } from "../../nn/index.ts";
import type { Images, Model, Results, RunOptions } from "../model.ts";
import { bestClasses, predictionsOf } from "../predictions.ts";
import type { Prediction } from "../results.ts";
import { heatMap, type HeatMap } from "./heat-map.ts";

export interface ExplainOptions extends RunOptions {
  /** The class to explain. @default the predicted class of each image */
  readonly classIndex?: number | undefined;
  /** The feature map that is weighed: earlier ones are finer and know less of classes. @default the last */
  readonly layer?: Tap | undefined;
  /** How many of the best classes to give beside it. @default 5 */
  readonly topk?: number | undefined;
}

/** Where in an image a class is seen. */
export interface Explained {
  readonly image: string;
  /** The image as its source has it: what a picture of the map is drawn over. */
  readonly item: ImageItem;
  /** The best classes of the image, best first. */
  readonly predictions: readonly Prediction[];
  /** The class that is explained. */
  readonly explained: Prediction;
  readonly layer: Tap;
  /** Grad-CAM at the resolution of the layer; it covers the crop that the model sees. */
  readonly map: HeatMap;
}

/** Runs forward and backward over images; see `explanationGraph`. */
export async function* explainImages(
  model: Model,
  images: Images,
  { classIndex, layer = model.lastLayer, topk = 5, signal }: ExplainOptions,
): Results<Explained> {
  const { classes } = model;
  const feeds = { selection: selectionOf(classIndex, classes.length) };
  for await (const result of model.run({ explains: layer }, images, signal, feeds)) {
    if ("error" in result) {
      yield result;
      continue;
    }
    const { image, item, outputs } = result;
    const { logits, map } = outputs as { readonly [Name in "logits" | "map"]: Tensor<"float32"> };
    const predictions = bestClasses(logits.data, classes, Math.max(topk, 1));
    const [explained] = predictionsOf(logits.data, classes, [classIndex ?? predictions[0]!.index]);
    yield {
      image,
      item,
      predictions: predictions.slice(0, topk),
      explained: explained!,
      layer,
      map: heatMap(map.dims, map.data),
    };
  }
}

/** 1 at the class, or nothing but zeros for the predicted one. */
function selectionOf(classIndex: number | undefined, count: number): Tensor<"float32"> {
  const data = new Float32Array(count);
  if (classIndex !== undefined) {
    if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= count) {
      throw new ModelError(
        "model/unknown-class",
        `classIndex must be a whole number from 0 to ${count - 1}, a position in the logits; got ${classIndex}.`,
      );
    }
    data[classIndex] = 1;
  }
  return { dtype: "float32", dims: [count], data };
}
