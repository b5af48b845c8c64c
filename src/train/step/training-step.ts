import { elementCount, SessionError, UsageError, type StateDict, type Tensor } from "../../core/index.ts";
import { callQueue } from "../../runtime/call-queue.ts";
import { fitStateDict } from "../../weights/index.ts";
import { flatGradientsName } from "../state-tensor.ts";
import type { TrainingProgram } from "../training-program.ts";

/** Images and what they show, as a step takes them. */
export interface StepBatch {
  /** [N, C, H, W], normalised; N is the program's `batchSize` times `accumulate`. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [N, classes]: one-hot, smoothed or mixed. */
  readonly targets: Float32Array<ArrayBuffer>;
}

export interface StepRates {
  readonly learningRate: number;
  /** Number of this step, from 1. */
  readonly step: number;
}

export interface StepResult {
  /** Mean over the images, before the update. */
  readonly loss: number;
  /** Number of images whose largest logit is the class with the largest target, before the update. */
  readonly correct: number;
  /** The memory of the batch, which the step has done with: the caller's arrays, or others that they moved into. */
  readonly batch: StepBatch;
}

/** A training program that stands ready on a device, which keeps its state. Calls take place one after another. */
export interface TrainingStep {
  /**
   * Takes one step of the optimiser.
   *
   * The memory of the batch is the step's until the result gives it back. Where the step runs in a thread of its own, the
   * caller's arrays are empty from then on.
   *
   * @throws SessionError `runtime/out-of-memory`, `runtime/run-failed`, `runtime/released`; UsageError
   *   `train/batch-size` for a batch of another size. The state is then that of the step before.
   */
  run(batch: StepBatch, rates: StepRates): Promise<StepResult>;
  /** A copy of the state: parameters, running statistics, what is remembered of them; all by name. */
  state(): Promise<ReadonlyMap<string, Tensor<"float32">>>;
  /**
   * Replaces the state.
   *
   * @throws WeightsError `weights/mismatch` when it does not have the program's tensors.
   */
  restore(state: StateDict): Promise<void>;
  /** Frees the memory. Calls under way, and later ones, reject with `runtime/released`. */
  release(): Promise<void>;
}

/** Values of the state's tensors by name. */
export type StateValues = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What a step gives before the update. */
export interface Gradients extends StepResult {
  /** All of them, one after another. */
  readonly gradients: Float32Array<ArrayBuffer>;
}

/**
 * A training program on the sessions that run it, in this thread or in another. It is asked one thing at a time.
 * Whatever fails leaves the state as it was; SessionError `runtime/out-of-memory`, `runtime/run-failed`.
 */
export interface StepRunner {
  /** Takes one step. */
  step(batch: StepBatch, rates: StepRates): Promise<StepResult>;
  /** The first half of a step: up to the gradients, whose array is the caller's until `update` or `discard`. */
  gradients(batch: StepBatch, rates: StepRates): Promise<Gradients>;
  /** The second half; it takes the array. */
  update(gradients: Float32Array<ArrayBuffer>, rates: StepRates): Promise<void>;
  /** Goes back to the state before a first half. */
  discard(): Promise<void>;
  /** A copy of the state. */
  read(): Promise<StateValues>;
  /** Replaces the state; it takes the arrays. */
  write(values: StateValues): Promise<void>;
  release(): Promise<void>;
}

/**
 * Makes the gradients of a process those of all, in place: their sums, where the program was made for several `ranks`.
 *
 * @param gradients Those of all trained parameters, one after another, and the running statistics behind them; the array is
 *   the callee's until it resolves.
 */
export type ExchangeGradients = (gradients: Float32Array<ArrayBuffer>) => Promise<void>;

/** What a training step is opened with, on every platform. */
export interface TrainingStepOptions {
  /** The state to start with, as `initialTrainingState` gives it. */
  readonly state: StateDict;
  /** Seed of dropped features and branches. @default 0 */
  readonly seed?: number | undefined;
  /** Place of the first micro-batch among those of all processes, which decides with the seed what is dropped. @default 0 */
  readonly firstMicroBatch?: number | undefined;
  /** Called between the gradients and the update of each step; the program needs `flatGradients`. @default none */
  readonly exchange?: ExchangeGradients | undefined;
}

/**
 * A training step on the runner of a program; the runner is released with it, and when this fails.
 *
 * @throws WeightsError `weights/mismatch`; UsageError `train/no-flat-gradients`.
 */
export async function trainingStepOn(
  program: TrainingProgram,
  runner: StepRunner,
  { state, exchange }: Pick<TrainingStepOptions, "state" | "exchange">,
): Promise<TrainingStep> {
  const calls = callQueue();
  const take = exchange
    ? exchangingStep(runner, exchange)
    : (batch: StepBatch, rates: StepRates) => runner.step(batch, rates);
  const restore = async (values: StateDict): Promise<void> => runner.write(await loadState(program, values));
  const release = async (): Promise<void> => {
    await calls.end(
      new SessionError("runtime/released", "The training step was released; open a new one to go on."),
    );
    await runner.release();
  };
  let released: Promise<void> | undefined;
  try {
    if (exchange) requireFlatGradients(program);
    await restore(state);
  } catch (error) {
    await runner.release();
    throw error;
  }
  return {
    run: (batch, rates) =>
      calls.add(() => {
        requireWholeBatch(program, batch);
        return take(batch, rates);
      }),
    state: () =>
      calls.add(async () => {
        const values = await runner.read();
        return new Map(
          program.state.map(({ name, dims }) => [name, { dtype: "float32", dims, data: values.get(name)! }]),
        );
      }),
    restore: (values) => calls.add(() => restore(values)),
    release: () => (released ??= release()),
  };
}

/** Forward and backward, the exchange, then the update. */
function exchangingStep(runner: StepRunner, exchange: ExchangeGradients) {
  return async (batch: StepBatch, rates: StepRates): Promise<StepResult> => {
    const { gradients, ...result } = await runner.gradients(batch, rates);
    try {
      await exchange(gradients);
    } catch (error) {
      await runner.discard();
      throw error;
    }
    await runner.update(gradients, rates);
    return result;
  };
}

function requireFlatGradients({ carried }: TrainingProgram): void {
  if (carried.some(({ name }) => name === flatGradientsName)) return;
  throw new UsageError(
    "train/no-flat-gradients",
    "Gradients can be exchanged when they leave the graph as one array; make the program with flatGradients: true.",
  );
}

function requireWholeBatch(program: TrainingProgram, { images, targets }: StepBatch): void {
  const { batchSize, accumulate, inputSize, config } = program;
  const count = batchSize * accumulate;
  const expected = {
    images: [count, config.inChannels, inputSize, inputSize],
    targets: [count, config.numClasses],
  };
  for (const [name, { length }] of Object.entries({ images, targets })) {
    const dims = expected[name as keyof typeof expected];
    if (length === elementCount(dims)) continue;
    throw new UsageError(
      "train/batch-size",
      `A step takes ${name} of shape [${dims.join(", ")}], ${elementCount(dims)} elements; it was given ${length}. ` +
        "Drop the last, smaller batch of an epoch, or make the program with this batch size.",
    );
  }
}

/** Every tensor of the state in memory of its own. */
async function loadState({ state }: TrainingProgram, found: StateDict): Promise<StateValues> {
  const expected = new Map(state.map(({ name, dims }) => [name, dims]));
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, source] of fitStateDict(expected, found, { name: "training state" })) {
    const { data } = await source.load();
    values.set(name, (data as Float32Array<ArrayBuffer>).slice());
  }
  return values;
}
