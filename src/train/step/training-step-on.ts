import { elementCount, SessionError, UsageError, type StateDict } from "../../core/index.ts";
import { fitStateDict } from "../../weights/index.ts";
import { flatGradientsName } from "../carried-gradients.ts";
import type { TrainingProgram } from "../training-program.ts";
import { callQueue } from "../../runtime/call-queue.ts";
import type { StateValues, StepRunner } from "./step-runner.ts";
import type { StepBatch, StepRates, StepResult, TrainingStep } from "./training-step.ts";

/**
 * Averages the gradients of several machines, in place.
 *
 * @param gradients Those of all trained parameters, one after another; the array is the callee's until it resolves.
 */
export type ExchangeGradients = (gradients: Float32Array<ArrayBuffer>) => Promise<void>;

/** What a training step is opened with, on every platform. */
export interface TrainingStepOptions {
  /** The state to start with, as `initialTrainingState` gives it. */
  readonly state: StateDict;
  /** Seed of dropped features and branches. @default 0 */
  readonly seed?: number | undefined;
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
