import { ModelError } from "../core/index.ts";
import {
  add,
  buildGraph,
  float32,
  gradients,
  input,
  lower,
  mul,
  reduceMean,
  softmaxCrossEntropy,
  standard,
  type Graph,
  type LoweringTable,
  type Value,
} from "../graph/index.ts";
import { resnet, type ResNetConfig } from "../nn/index.ts";
import { clipGradients } from "./clip-gradients.ts";
import type { Float, Optimizer } from "./optimizers/optimizer.ts";
import { sgd } from "./optimizers/sgd.ts";
import { trainingForward } from "./training-forward.ts";

export interface TrainingGraphOptions {
  readonly batchSize: number;
  /** Height and width of the images. @default 224 */
  readonly inputSize?: number;
  /** @default sgd() */
  readonly optimizer?: Optimizer;
  /** Largest norm of all gradients together. @default none */
  readonly clipNorm?: number;
  /** Which parameters are trained; the backward of the others is not in the graph. @default all */
  readonly trains?: (name: string) => boolean;
  /** Factor of the learning rate for a parameter. @default 1 */
  readonly rateFactor?: (name: string) => number;
  /** Keeps an exponential moving average of weights and running statistics with this decay. @default none */
  readonly emaDecay?: number;
  /** @default "live" */
  readonly batchNorm?: "live" | "frozen";
  /** @default standard: ONNX operators that run everywhere */
  readonly lowering?: LoweringTable;
}

/** One tensor that goes into a step and comes out of it changed. */
export interface StateTensor {
  /** Name of the graph's input. */
  readonly input: string;
  /** Name of the output that is the input of the next step. */
  readonly output: string;
  readonly dims: readonly number[];
  /** Dims of the graph's input and output, where they are others: the same elements in the same order. */
  readonly storedDims?: readonly number[];
}

export interface TrainingGraph {
  /**
   * Inputs `images` [N, C, H, W], `targets` [N, classes], `learning_rate` [], `step` [] (from 1; only if the
   * optimiser needs it), every parameter and running statistic, and what is remembered of them. Outputs
   * `loss` [], `logits` [N, classes] and the state after the step.
   */
  readonly graph: Graph;
  readonly state: readonly StateTensor[];
}

/** Name of something that is remembered of a parameter: an optimiser's slot, or `ema`. */
export const slotOf = (name: string, slot: string): string => `${name}/${slot}`;

const next = (name: string): string => `${name}/next`;

/**
 * A whole training step in one graph: forward, backward and update.
 *
 * The loss is the mean cross-entropy with soft targets.
 *
 * @throws ModelError for a model without classifier, or when nothing is trained.
 */
export function trainingGraph(config: ResNetConfig, options: TrainingGraphOptions): TrainingGraph {
  const { batchSize, inputSize = 224, batchNorm = "live", lowering = standard } = options;
  const { trains = () => true, rateFactor = () => 1, optimizer = sgd(), emaDecay } = options;
  const images = input("images", "float32", [batchSize, config.inChannels, inputSize, inputSize]);
  const targets = input("targets", "float32", [batchSize, config.numClasses]);
  const learningRate = input("learning_rate", "float32", []);
  const step = input("step", "float32", []);

  const { forward, variables, statistics } = trainingForward(batchNorm);
  const { logits } = resnet(config, images, forward);
  if (!logits) {
    throw new ModelError("model/no-classifier", "Training needs a classifier; numClasses is 0.");
  }
  const loss = reduceMean(softmaxCrossEntropy(logits, targets), [0], { keepdims: 0 });

  const trained = variables.filter(({ name, kind }) => kind === "parameter" && trains(name));
  if (trained.length === 0) {
    throw new ModelError("model/nothing-to-train", "Every parameter is frozen: there is nothing to train.");
  }
  const raw = gradients(
    loss,
    trained.map(({ value }) => value),
  ) as readonly Float[];
  const grads = options.clipNorm === undefined ? raw : clipGradients(raw, options.clipNorm);

  const outputs: Record<string, Value> = { loss, logits };
  const state: StateTensor[] = [];
  const advance = (name: string, dims: readonly number[], value: Value): void => {
    outputs[next(name)] = value;
    state.push({ input: name, output: next(name), dims });
  };
  const advanceModel = (name: string, dims: readonly number[], value: Float): void => {
    advance(name, dims, value);
    if (emaDecay === undefined) return;
    const average = input(slotOf(name, "ema"), "float32", dims);
    const moved = add(mul(average, float32(emaDecay)), mul(value, float32(1 - emaDecay)));
    advance(slotOf(name, "ema"), dims, moved);
  };
  for (const [index, { name, dims, value }] of trained.entries()) {
    const slots = optimizer.slots.map((slot) => input(slotOf(name, slot), "float32", dims));
    const factor = rateFactor(name);
    const rate = factor === 1 ? learningRate : mul(learningRate, float32(factor));
    const updated = optimizer.update(value, grads[index]!, slots, { learningRate: rate, step });
    advanceModel(name, dims, updated.parameter);
    for (const [slot, moved] of updated.slots.entries()) {
      advance(slotOf(name, optimizer.slots[slot]!), dims, moved);
    }
  }
  for (const { name, dims } of variables) {
    const updated = statistics.get(name);
    if (updated) advanceModel(name, dims, updated);
  }
  return { graph: lower(buildGraph(outputs), lowering), state };
}
