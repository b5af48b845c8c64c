import { ModelError } from "../core/index.ts";
import {
  cast,
  div,
  equal,
  input,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  softmaxCrossEntropy,
  type Value,
} from "../graph/index.ts";
import { resnet, type ResNetConfig } from "../nn/index.ts";
import { trainingForward, type TrainingForward, type TrainingForwardOptions } from "./training-forward.ts";

type Float = Value<"float32">;

export interface TrainingLoss extends Omit<TrainingForward, "forward"> {
  /** Mean cross-entropy with soft targets; a scalar. */
  readonly loss: Float;
  /** Number of images whose largest logit is the class with the largest target; a scalar. */
  readonly correct: Float;
}

export interface TrainingLossOptions extends TrainingForwardOptions {
  readonly batchSize: number;
  /** Height and width of the images. @default 224 */
  readonly inputSize?: number;
}

/**
 * The network from inputs `images` [N, C, H, W] and `targets` [N, classes] to its loss.
 *
 * @throws ModelError for a model without classifier.
 */
export function trainingLoss(config: ResNetConfig, options: TrainingLossOptions): TrainingLoss {
  const { batchSize, inputSize = 224 } = options;
  const images = input("images", "float32", [batchSize, config.inChannels, inputSize, inputSize]);
  const targets = input("targets", "float32", [batchSize, config.numClasses]);
  const { forward, ...collected } = trainingForward(config, options);
  const { logits } = resnet(config, images, forward);
  if (!logits) {
    throw new ModelError("model/no-classifier", "Training needs a classifier; numClasses is 0.");
  }
  const loss = reduceMean(softmaxCrossEntropy(logits, targets), [0], { keepdims: 0 });
  return { loss, correct: countCorrect(logits, targets), ...collected };
}

/** Several largest logits share their targets, so that a network that says nothing gets nothing right. */
function countCorrect(logits: Float, targets: Float): Float {
  const isLargest = cast(equal(logits, reduceMax(logits, [1])), "float32");
  const predicted = div(reduceSum(mul(isLargest, targets), [1]), reduceSum(isLargest, [1]));
  const isCorrect = cast(equal(predicted, reduceMax(targets, [1])), "float32");
  return reduceSum(isCorrect, [0, 1], { keepdims: 0 });
}
