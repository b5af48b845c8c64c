import type { StateDict } from "../../core/index.ts";
import {
  add,
  buildGraph,
  cast,
  div,
  equal,
  float32,
  foldBatchNorm,
  input,
  lower,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  relu,
  scope,
  standard,
  sub,
  vectorJacobianProduct,
  type Graph,
  type Value,
} from "../../graph/index.ts";
import { family, type ModelConfig, type Tap } from "../families/index.ts";
import { inference } from "../forward.ts";
import { forKernels, noClassifier, selectOutputs } from "./inference-graph.ts";

type Float = Value<"float32">;

export interface ExplanationGraphOptions {
  /** The feature map whose places are weighed. */
  readonly layer: Tap;
  /** Images of every run: gradients need known lengths. */
  readonly batchSize: number;
  /** Height and width of the input images. @default 224 */
  readonly inputSize?: number;
  /** As in `inferenceGraph`. @default undefined: a graph that runs anywhere */
  readonly blockSize?: number | undefined;
}

/**
 * The graph that classifies and says where in the image a class is seen: Grad-CAM.
 *
 * Each channel of the feature map A counts as much as the class's logit y rises with it, on average over its
 * places: weight = mean of dy/dA, map = ReLU(sum of weight · A) (Selvaraju et al. 2017, equations 1 and 2).
 *
 * Inputs: `images` float32 [N, inChannels, inputSize, inputSize]; `selection` float32 [N, classes], 1 at the class
 * to explain, or all 0 for the predicted one. Outputs: `logits` [N, classes] and `map` [N, h, w], not normalised.
 *
 * @param weights float32 state dict that fits the configuration.
 * @throws ModelError for a model without classifier, or when it has no such layer.
 */
export function explanationGraph(
  config: ModelConfig,
  weights: StateDict,
  { layer, batchSize, inputSize = 224, blockSize }: ExplanationGraphOptions,
): Graph {
  if (config.numClasses === 0) {
    throw noClassifier("This model");
  }
  const images = input("images", "float32", [batchSize, config.inChannels, inputSize, inputSize]);
  const selection = input("selection", "float32", [batchSize, config.numClasses]);
  const network = selectOutputs(family.build(config, images, inference(weights)), ["logits", layer]);
  const { outputs } = foldBatchNorm(buildGraph(network));
  const [logits, features] = [outputs.get("logits") as Float, outputs.get(layer) as Float];
  const map = scope("explanation", () => {
    const [gradient] = vectorJacobianProduct(logits, selectedOrLargest(logits, selection), [features]);
    const importance = reduceMean(gradient!, [2, 3]);
    return relu(reduceSum(mul(features, importance), [1], { keepdims: 0 }));
  });
  return forKernels(lower(buildGraph({ logits, map }), standard), blockSize);
}

/** The selection, or where it is empty the largest logit; several largest ones share. */
function selectedOrLargest(logits: Float, selection: Float): Float {
  const isLargest = cast(equal(logits, reduceMax(logits, [1])), "float32");
  const largest = div(isLargest, reduceSum(isLargest, [1]));
  const isEmpty = sub(float32(1), reduceSum(selection, [1]));
  return add(selection, mul(largest, isEmpty));
}
