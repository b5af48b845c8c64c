import {
  elementCount,
  ModelError,
  tensor,
  UsageError,
  type StateDict,
  type TensorSource,
} from "../core/index.ts";
import {
  blockedTraining,
  buildGraph,
  flattenScaled,
  float32,
  gradients,
  input,
  lower,
  lowerBlocked,
  mul,
  standard,
  type Graph,
  type Value,
} from "../graph/index.ts";
import { parametersOf, randomTensors, type ModelConfig, type ParameterSpec } from "../nn/index.ts";
import { fitStateDict } from "../weights/index.ts";
import { contrastiveLoss, viewsOfImage, type ContrastiveObjective } from "./contrastive-loss.ts";
import { updateParameters, type Float, type UpdateOptions } from "./optimizers.ts";
import type { RandomMask } from "./random-masks.ts";
import { flatGradients, nextOf, separateGradients, slotOf, type StateTensor } from "./state-tensor.ts";
import { trainingLoss, type TrainingLoss, type TrainingLossOptions, type Variable } from "./training-loss.ts";

export interface TrainingProgramOptions extends TrainingLossOptions, UpdateOptions {
  /**
   * Learns from pairs of views of images without labels; the network then needs no classifier, and `batchSize` counts
   * the images, of which there are two views each.
   *
   * @default undefined: cross-entropy with the targets
   */
  readonly contrastive?: ContrastiveObjective | undefined;
  /** Which parameters are trained; the backward of the others is not in the graph. @default all */
  readonly trains?: (name: string) => boolean;
  /** Micro-batches of `batchSize` images whose gradients are averaged for one step. @default 1 */
  readonly accumulate?: number;
  /** Lets the gradients leave as one flat array, for training on several machines. @default false */
  readonly flatGradients?: boolean;
  /**
   * Processes that take each step together: the gradients are divided by their number, so that sums over the processes are
   * means. Their flat array holds the running statistics as well, likewise divided: these are averaged at each step, so that
   * every process has the same state. Needs `flatGradients` where there are several.
   *
   * @default 1
   */
  readonly ranks?: number | undefined;
  /**
   * Writes the graphs for ONNX Runtime's blocked CPU kernels, whose block has so many channels; a wrong number
   * gives wrong results.
   *
   * @default undefined: graphs that run anywhere
   */
  readonly blockSize?: number | undefined;
}

/**
 * A training step, ready to run: graphs over one state. A graph reads every tensor that is among its inputs by
 * its name, and gives the new value of those for which it has an output `nextOf(name)`.
 */
export interface TrainingProgram {
  readonly config: ModelConfig;
  /** Images in one run of a graph; views of them, where the loss is contrastive. */
  readonly batchSize: number;
  /** Height and width of the images. */
  readonly inputSize: number;
  /** Runs of `gradients` before one of `update`. */
  readonly accumulate: number;
  /**
   * Either the whole step in one graph, or forward and backward in one and the optimiser in another. Inputs
   * besides the state: `images` [N, C, H, W], `targets` [N, classes], the masks; `learning_rate` [], and `step`
   * [] if the optimiser needs it. Outputs besides the state: `loss` [] and `correct` [].
   */
  readonly graphs: { readonly step: Graph } | { readonly gradients: Graph; readonly update: Graph };
  /** What a checkpoint holds: parameters and statistics in state-dict order, then what is remembered of them. */
  readonly state: readonly StateTensor[];
  /** Gradients on their way from one graph to the other; zero at the beginning of a step. */
  readonly carried: readonly StateTensor[];
  /** Parameters that are not the network's: the projection of a contrastive loss. */
  readonly added: readonly ParameterSpec[];
  /** Random masks, to be drawn anew for each run that has images. */
  readonly masks: readonly RandomMask[];
}

/**
 * Training as graphs: forward, backward and update.
 *
 * @throws ModelError for a model without classifier, or when nothing is trained; UsageError `train/accumulate`,
 *   `train/batch-norm`.
 */
export function trainingProgram(config: ModelConfig, options: TrainingProgramOptions): TrainingProgram {
  const { inputSize = 224, accumulate = 1, trains = () => true, blockSize, contrastive, ranks = 1 } = options;
  if (!Number.isSafeInteger(accumulate) || accumulate < 1) {
    throw new UsageError("train/accumulate", `accumulate must be a whole number from 1, got ${accumulate}.`);
  }
  const batchSize = options.batchSize * (contrastive ? viewsOfImage : 1);
  const forward = contrastive
    ? contrastiveLoss(config, contrastive, { ...options, batchSize })
    : trainingLoss(config, options);
  const { loss, correct, variables, masks } = forward;
  const trained = variables.filter(({ name, kind }) => kind === "parameter" && trains(name));
  if (trained.length === 0) {
    throw new ModelError("model/nothing-to-train", "Every parameter is frozen: there is nothing to train.");
  }
  const compile = (outputs: Readonly<Record<string, Value>>): Graph => {
    const graph = buildGraph(outputs);
    return flattenScaled(
      blockSize === undefined ? lower(graph, standard) : lowerBlocked(graph, blockSize, blockedTraining),
    );
  };
  const shares = accumulate * ranks;
  const averaged = shares === 1 ? loss : mul(loss, float32(1 / shares));
  const grads = gradients(
    averaged,
    trained.map(({ value }) => value),
  ) as readonly Float[];
  const forwardOutputs = { loss, correct, ...movedStatistics(forward) };
  const own = new Set(parametersOf(config).map(({ name }) => name));
  const added = variables.filter(({ name }) => !own.has(name));
  const common = { config, batchSize, inputSize, accumulate, added, masks };
  const tensors = variables.map(({ name, dims }) => ({ name, dims }));

  if (accumulate === 1 && !options.flatGradients) {
    const { outputs, remembered } = updateParameters(trained, grads, statisticsAfter(forward), options);
    const step = compile({ ...forwardOutputs, ...outputs });
    return { ...common, graphs: { step }, state: [...tensors, ...remembered], carried: [] };
  }

  const moved = variables.filter(({ name }) => forward.statistics.has(name));
  const exchanged = (ranks === 1 ? [] : moved).map(({ name, dims }) => ({
    dims,
    value: mul(forward.statistics.get(name)!, float32(1 / ranks)),
  }));
  const form = options.flatGradients ? flatGradients(trained, exchanged) : separateGradients(trained);
  const carried = form.tensors;
  const entering = carried.map(({ name, dims }) => input(name, "float32", dims));
  const leaving: Record<string, Value> = {};
  const cleared: Record<string, Value> = {};
  for (const [index, value] of form.pack(grads, accumulate === 1 ? undefined : entering).entries()) {
    const { name } = carried[index]!;
    leaving[nextOf(name)] = value;
    if (accumulate > 1) cleared[nextOf(name)] = mul(entering[index]!, float32(0));
  }
  const summed = form.unpack(entering);
  const statistics = moved.map((variable, index) => ({
    ...variable,
    value: summed.statistics[index] ?? variable.value,
  }));
  const averages = exchanged.length === 0 ? [] : statistics.map(({ name, value }) => [nextOf(name), value]);
  const { outputs, remembered } = updateParameters(trained, summed.gradients, statistics, options);
  return {
    ...common,
    graphs: {
      gradients: compile({ ...forwardOutputs, ...leaving }),
      update: compile({ ...outputs, ...Object.fromEntries(averages), ...cleared }),
    },
    state: [...tensors, ...remembered],
    carried,
  };
}

function movedStatistics({ statistics }: TrainingLoss): Readonly<Record<string, Value>> {
  return Object.fromEntries([...statistics].map(([name, value]) => [nextOf(name), value]));
}

/** The running statistics with the values that they have after the forward pass. */
function statisticsAfter({ variables, statistics }: TrainingLoss): readonly Variable[] {
  return variables.flatMap((variable) => {
    const value = statistics.get(variable.name);
    return value ? [{ ...variable, value }] : [];
  });
}

export interface InitialTrainingStateOptions {
  /** Float weights that fit the program's network; what it adds to it may be missing. @default random ones */
  readonly weights?: StateDict | undefined;
  /** Seed of random weights. @default 0 */
  readonly seed?: number | undefined;
}

/**
 * The state before the first step: averages are what they average, all else that is remembered is zero.
 *
 * @throws WeightsError `weights/mismatch`
 */
export function initialTrainingState(
  { config, added, state }: Pick<TrainingProgram, "config" | "added" | "state">,
  { weights, seed = 0 }: InitialTrainingStateOptions = {},
): StateDict {
  const specs = [...parametersOf(config), ...added];
  const given = weights && new Map([...randomTensors(added, seed), ...weights]);
  const model = given
    ? fitStateDict(new Map(specs.map(({ name, dims }) => [name, dims])), given)
    : randomTensors(specs, seed);
  const averaged = new Map([...model].map(([name, source]) => [slotOf(name, "ema"), source]));
  return new Map(
    state.map((entry): [string, TensorSource] => {
      const { name } = entry;
      return [name, model.get(name) ?? averaged.get(name) ?? zeros(entry)];
    }),
  );
}

function zeros({ dims }: StateTensor): TensorSource<"float32"> {
  return {
    dtype: "float32",
    dims,
    load: () => Promise.resolve(tensor("float32", dims, new Float32Array(elementCount(dims)))),
  };
}
