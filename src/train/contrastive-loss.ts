import { tensor } from "../core/index.ts";
import {
  cast,
  constant,
  add,
  div,
  equal,
  float32,
  gemm,
  input,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  relu,
  scope,
  softmaxCrossEntropy,
  sqrt,
} from "../graph/index.ts";
import { family, linear, type ModelConfig } from "../nn/index.ts";
import { projectionScope } from "../weights/index.ts";
import { trainingForward, type Float, type TrainingLoss, type TrainingLossOptions } from "./training-loss.ts";

/** What a network without a classifier learns from images without labels. */
export interface ContrastiveObjective {
  /** Divides the similarities: the smaller, the more the nearest other images count. */
  readonly temperature: number;
}

/** Views that are made of each image. */
export const viewsOfImage = 2;

/** Features of the hidden layer and of the projection, as measured in docs/decisions/016. */
const hiddenFeatures = 256;
const projectedFeatures = 64;

/**
 * SimCLR's loss (Chen et al. 2020, "A simple framework for contrastive learning"): of all views in the batch, each has
 * to find the other view of its own image. NT-Xent over a projection head of two layers on the pooled features.
 *
 * Input `images` [2 N, C, H, W] holds the two views of an image one after the other, so that a part of a batch is
 * whole pairs. Output `correct` counts the images whose views find each other, half for each view.
 */
export function contrastiveLoss(
  config: ModelConfig,
  { temperature }: ContrastiveObjective,
  options: TrainingLossOptions,
): TrainingLoss {
  const { batchSize: views, inputSize = 224 } = options;
  const images = input("images", "float32", [views, config.inChannels, inputSize, inputSize]);
  const { forward, ...collected } = trainingForward(config, options);
  const { embedding } = family.build({ ...config, numClasses: 0 }, images, forward);
  const projected = scope(projectionScope, () =>
    linear("2", relu(linear("0", embedding!, forward, hiddenFeatures)), forward, projectedFeatures),
  );
  const unit = unitRows(projected);
  const similarities = mul(gemm(unit, unit, undefined, { transB: 1 }), float32(1 / temperature));
  const logits = add(similarities, constant(square(views, (row, column) => (row === column ? never : 0))));
  // The other view of image i / 2.
  const partners = constant(square(views, (row, column) => Number(column === (row ^ 1))));
  const loss = reduceMean(softmaxCrossEntropy(logits, partners), [0], { keepdims: 0 });
  return { loss, correct: countFound(logits, partners), ...collected };
}

/** A similarity that no softmax chooses: a view does not count as its own partner. */
const never = -1e9;

/** Rows of length 1. */
function unitRows(x: Float): Float {
  const squares = reduceSum(mul(x, x), [1]);
  return div(x, sqrt(add(squares, float32(1e-12))));
}

const square = (side: number, value: (row: number, column: number) => number) =>
  tensor(
    "float32",
    [side, side],
    Float32Array.from({ length: side * side }, (_, i) => value(Math.floor(i / side), i % side)),
  );

function countFound(logits: Float, partners: Float): Float {
  const nearest = cast(equal(logits, reduceMax(logits, [1])), "float32");
  return mul(reduceSum(mul(nearest, partners), [0, 1], { keepdims: 0 }), float32(1 / viewsOfImage));
}
