import type { InferenceSession, Tensor } from "onnxruntime-common";
import { elementCount } from "../../core/index.ts";
import { runFailed, type Device, type OnnxRuntime } from "../../runtime/index.ts";
import { drawMasks, type RandomMask } from "../random-masks.ts";
import { flatGradientsName, nextOf, type StateTensor } from "../state-tensor.ts";
import { keptTensors, type Dims, type EncodedGraph, type EncodedProgram } from "./encoded-program.ts";
import {
  openProgramSession,
  programState,
  returnedMemory,
  reusedMemory,
  type ProgramSession,
  type ProgramState,
  type StateMemory,
  type Tensors,
} from "./program-session.ts";
import type { StateValues, StepBatch, StepRates, StepResult, StepRunner } from "./training-step.ts";

export interface RunnerOptions {
  readonly device: Device;
  /** Seed of the masks. */
  readonly seed: number;
  /** Place of the first micro-batch, by which the masks differ. */
  readonly firstMicroBatch: number;
  /** Whether ONNX Runtime writes into tensors on the CPU that it is given for its results. */
  readonly writesInto: boolean;
  readonly session: InferenceSession.SessionOptions;
}

/**
 * Opens the sessions of a program in this thread. There is no state before the first `write`.
 *
 * With `webgpu` the state lives in the device's memory; elsewhere it goes in and out with every run.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`.
 */
export async function openRunner(
  runtime: OnnxRuntime,
  program: EncodedProgram,
  { device, seed, firstMicroBatch, writesInto, session }: RunnerOptions,
): Promise<StepRunner> {
  const { accumulate, forward, update, copy } = program;
  const kept = keptTensors(program);
  const onDevice = device === "webgpu";
  const memory = writesInto && !onDevice ? reusedMemory(runtime) : returnedMemory;
  const state = programState(new Set(kept.map(({ name }) => name)), memory);
  const feeds = stepFeeds(runtime, program.masks, { seed, firstMicroBatch });

  const opened: ProgramSession[] = [];
  const release = async (): Promise<void> => {
    // First the tensors: on a device they are their session's memory.
    state.release();
    for (const one of opened) await one.release();
  };
  const tensors = [...program.state, ...program.carried].map(({ name }) => name);
  const open = async (graph: EncodedGraph, moves = tensors): Promise<ProgramSession> => {
    const stays = (output: string): boolean => moves.length > 0 && !leaving.has(output);
    const locations = Object.keys(graph.outputs).map((name) => [name, stays(name) ? "gpu-buffer" : "cpu"]);
    const located = { ...session, preferredOutputLocation: Object.fromEntries(locations) as Locations };
    const options = { device, tensors: moves, state, memory, session: onDevice ? located : session };
    const one = await openProgramSession(runtime, graph, options);
    opened.push(one);
    return one;
  };
  const openAll = async () => ({
    forward: await open(forward),
    update: update && (await open(update)),
    transfer: onDevice
      ? deviceTransfer(runtime, await open(copy), await open(copy, []))
      : hostTransfer(runtime, state, memory),
  });
  const sessions = await openAll().catch(async (error: unknown) => {
    await release();
    throw error;
  });

  const runForward = async (batch: StepBatch, rates: StepRates): Promise<StepResult> => {
    const given = feeds.rates(forward.inputs, rates);
    let [loss, correct] = [0, 0];
    for (let index = 0; index < accumulate; index++) {
      const part = feeds.microBatch(forward.inputs, batch, rates.step, index);
      const results = await sessions.forward.run({ ...part, ...given });
      loss += dataOf(results["loss"]!)[0]! / accumulate;
      correct += dataOf(results["correct"]!)[0]!;
    }
    return { loss, correct, batch };
  };
  const runUpdate = async (rates: StepRates, gradients?: Tensor): Promise<void> => {
    if (!update || !sessions.update) return;
    const given = feeds.rates(update.inputs, rates);
    await sessions.update.run(gradients ? { ...given, [flatGradientsName]: gradients } : given);
  };
  /** Everything or nothing. */
  const orDiscard = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (error) {
      state.discard();
      throw error instanceof Error && error.name === "SessionError" ? error : runFailed(error);
    }
  };

  return {
    step: (batch, rates) =>
      orDiscard(async () => {
        const result = await runForward(batch, rates);
        await runUpdate(rates);
        state.commit();
        return result;
      }),
    gradients: (batch, rates) =>
      orDiscard(async () => {
        const result = await runForward(batch, rates);
        return { ...result, gradients: dataOf(state.handOver(flatGradientsName)) };
      }),
    update: (gradients, rates) =>
      orDiscard(async () => {
        const tensor = new runtime.Tensor("float32", gradients, [gradients.length]);
        await runUpdate(rates, tensor);
        state.commit();
      }),
    discard: () => Promise.resolve(state.discard()),
    read: () => orDiscard(() => sessions.transfer.read(program.state)),
    write: (values) =>
      orDiscard(async () => {
        await sessions.transfer.write(kept, values);
        state.commit();
      }),
    release,
  };
}

type Locations = NonNullable<Exclude<InferenceSession.SessionOptions["preferredOutputLocation"], string>>;

/** Outputs that are read after each run. */
const leaving: ReadonlySet<string> = new Set(["loss", "correct", nextOf(flatGradientsName)]);

/** What the graphs of a program read besides the state. */
interface StepFeeds {
  /** The rates that a graph with these inputs reads. */
  rates(inputs: Dims, rates: StepRates): Tensors;
  /** One micro-batch, counted from 0: views of the batch, and its masks. */
  microBatch(inputs: Dims, batch: StepBatch, step: number, index: number): Tensors;
}

function stepFeeds(
  { Tensor }: OnnxRuntime,
  masks: readonly RandomMask[],
  { seed, firstMicroBatch }: Pick<RunnerOptions, "seed" | "firstMicroBatch">,
): StepFeeds {
  const scalar = (value: number) => new Tensor("float32", Float32Array.of(value), []);
  const part = (data: Float32Array<ArrayBuffer>, dims: readonly number[], index: number) => {
    const length = elementCount(dims);
    return new Tensor("float32", data.subarray(index * length, (index + 1) * length), dims);
  };
  return {
    rates: (inputs, { learningRate, step }) => ({
      ...("learning_rate" in inputs && { learning_rate: scalar(learningRate) }),
      ...("step" in inputs && { step: scalar(step) }),
    }),
    microBatch(inputs, { images, targets }, step, index) {
      const drawn = drawMasks(masks, { seed, step, microBatch: firstMicroBatch + index });
      const maskTensors = masks.map(({ name, dims }) => [
        name,
        new Tensor("float32", drawn.get(name)!, dims),
      ]);
      return {
        images: part(images, inputs["images"]!, index),
        ...("targets" in inputs && { targets: part(targets, inputs["targets"], index) }),
        ...(Object.fromEntries(maskTensors) as Tensors),
      };
    },
  };
}

/** The way of a state into the program's tensors and out of them. */
interface StateTransfer {
  /** Moves these tensors to the values; to zero where there are none. */
  write(kept: readonly StateTensor[], values: StateValues): Promise<void>;
  /** Copies these tensors. */
  read(tensors: readonly StateTensor[]): Promise<StateValues>;
}

/** For a state in the program's own memory. */
function hostTransfer({ Tensor }: OnnxRuntime, state: ProgramState, memory: StateMemory): StateTransfer {
  return {
    write(kept, values) {
      for (const { name, dims } of kept) {
        const value = valueOf(values, name, dims);
        const target = memory.take(name, dims);
        if (target) dataOf(target).set(value);
        state.move(name, target ?? new Tensor("float32", value, dims));
      }
      return Promise.resolve();
    },
    read: (tensors) =>
      Promise.resolve(new Map(tensors.map(({ name }) => [name, dataOf(state.get(name)).slice()]))),
  };
}

/**
 * For a state in a device's memory.
 *
 * It is copied by a graph: onnxruntime-node ends the process when a tensor of the device is asked for its data.
 *
 * @param upload The graph that copies every tensor, with results on the device.
 * @param download The same graph, with results in the program's memory.
 */
function deviceTransfer(
  { Tensor }: OnnxRuntime,
  upload: ProgramSession,
  download: ProgramSession,
): StateTransfer {
  return {
    async write(kept, values) {
      const feeds = kept.map(({ name, dims }) => [
        name,
        new Tensor("float32", valueOf(values, name, dims), dims),
      ]);
      await upload.run(Object.fromEntries(feeds) as Tensors);
    },
    async read(tensors) {
      const copies = await download.run({});
      return new Map(tensors.map(({ name }) => [name, dataOf(copies[nextOf(name)]!)]));
    },
  };
}

function valueOf(values: StateValues, name: string, dims: readonly number[]): Float32Array<ArrayBuffer> {
  return values.get(name) ?? new Float32Array(elementCount(dims));
}

/** The elements of a tensor of floats in the program's memory. */
function dataOf(tensor: Tensor): Float32Array<ArrayBuffer> {
  return tensor.data as Float32Array<ArrayBuffer>;
}
