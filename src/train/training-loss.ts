import { elementCount, ModelError, UsageError } from "../core/index.ts";
import {
  add,
  allButChannels,
  batchNormalization,
  batchNormTraining,
  cast,
  currentScope,
  div,
  equal,
  float32,
  input,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  softmaxCrossEntropy,
  type Value,
} from "../graph/index.ts";
import { family, type Forward, type ModelConfig, type ParameterSpec } from "../nn/index.ts";
import { masked, type RandomMask } from "./random-masks.ts";

export type Float = Value<"float32">;

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
 * @throws ModelError for a model without classifier; UsageError `train/batch-norm` where a normalisation would use
 *   the statistics of one value.
 */
export function trainingLoss(config: ModelConfig, options: TrainingLossOptions): TrainingLoss {
  const { batchSize, inputSize = 224 } = options;
  const images = input("images", "float32", [batchSize, config.inChannels, inputSize, inputSize]);
  const targets = input("targets", "float32", [batchSize, config.numClasses]);
  const { forward, ...collected } = trainingForward(config, options);
  const { logits } = family.build(config, images, forward);
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

/** A parameter or running statistic that enters the graph. */
export interface Variable extends ParameterSpec {
  readonly value: Float;
}

/** What differs between training runs of one network. */
export interface TrainingForwardOptions {
  /** `frozen` uses the stored statistics and leaves them as they are. @default "live" */
  readonly batchNorm?: "live" | "frozen";
  /** Probability that a feature is dropped before the classifier. @default 0 */
  readonly dropRate?: number;
  /** Probability that the last block's branch is dropped for an image; it rises from 0 at the first block. @default 0 */
  readonly dropPathRate?: number;
}

interface TrainingForward {
  readonly forward: Forward;
  /** In state-dict order, filled while the network is defined. */
  readonly variables: readonly Variable[];
  /** New running statistics by name, filled while the network is defined. */
  readonly statistics: ReadonlyMap<string, Float>;
  /** Masks that the graph reads, filled while the network is defined. */
  readonly masks: readonly RandomMask[];
}

/** torch's share of a batch in the running statistics. */
const batchShare = 0.1;

/**
 * Evaluation for training: parameters are inputs of the graph, normalisation uses the batch's statistics and
 * keeps running ones, features and branches are dropped as timm does.
 */
export function trainingForward(
  config: ModelConfig,
  { batchNorm = "live", dropRate = 0, dropPathRate = 0 }: TrainingForwardOptions,
): TrainingForward {
  const variables: Variable[] = [];
  const statistics = new Map<string, Float>();
  const masks: RandomMask[] = [];
  const parameter: Forward["parameter"] = (name, dims, init, kind = "parameter") => {
    const path = `${currentScope()}.${name}`;
    const value = input(path, "float32", dims);
    variables.push({ name: path, dims, init, kind, value });
    return value;
  };

  const live: Forward["normalise"] = (x, { weight, bias, runningMean, runningVar }, epsilon) => {
    const { y, mean, variance } = batchNormTraining(x, weight, bias, epsilon);
    const count = elementCount(allButChannels(x).map((axis) => x.shape[axis] as number));
    if (count < 2) throw oneValue(currentScope());
    // torch tracks the unbiased variance, though it normalises with the biased one.
    const unbiased = mul(variance, float32(count / (count - 1)));
    statistics.set(nameOf(runningMean), average(runningMean, mean));
    statistics.set(nameOf(runningVar), average(runningVar, unbiased));
    return y;
  };
  const normalise = batchNorm === "live" ? live : batchNormalization;

  const lastBlock = family.stages(config).reduce((sum, { blocks }) => sum + blocks, 0) - 1;
  let block = 0;
  const branch: Forward["branch"] = (y) => {
    const rate = lastBlock === 0 ? 0 : (dropPathRate * block++) / lastBlock;
    const dims = [y.shape[0] as number, 1, 1, 1];
    return masked(y, { name: `${currentScope()}/drop_path`, dims, rate }, masks);
  };
  const pooled: Forward["pooled"] = (x) =>
    masked(x, { name: "dropout", dims: x.shape as readonly number[], rate: dropRate }, masks);

  return { forward: { parameter, normalise, branch, pooled }, variables, statistics, masks };
}

function oneValue(layer: string): UsageError {
  return new UsageError(
    "train/batch-norm",
    `${layer}: batch normalisation would take the statistics of one value a channel: one image at once, whose maps are 1 x 1 here. One value has no variance. Compute more images at once (microBatch, --micro-batch; batchSize), take larger ones (inputSize, --input-size), or keep the stored statistics (batchNorm: frozen, --batch-norm frozen).`,
  );
}

function average(running: Float, batch: Float): Float {
  return add(mul(running, float32(1 - batchShare)), mul(batch, float32(batchShare)));
}

const nameOf = ({ source }: Float): string => (source.kind === "input" ? source.name : "");
