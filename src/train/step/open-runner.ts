import type { InferenceSession, Tensor } from "onnxruntime-common";
import { runFailed, type Device, type OnnxRuntime } from "../../runtime/index.ts";
import { flatGradientsName } from "../carried-gradients.ts";
import { nextOf } from "../state-tensor.ts";
import { keptTensors, type EncodedGraph, type EncodedProgram } from "./encoded-program.ts";
import { openProgramSession, type ProgramSession } from "./program-session.ts";
import { programState } from "./program-state.ts";
import { returnedMemory, reusedMemory } from "./state-memory.ts";
import { dataOf, deviceTransfer, hostTransfer } from "./state-transfer.ts";
import { stepFeeds } from "./step-feeds.ts";
import type { StepRunner } from "./step-runner.ts";
import type { StepBatch, StepRates, StepResult } from "./training-step.ts";

export interface RunnerOptions {
  readonly device: Device;
  /** Seed of the masks. */
  readonly seed: number;
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
  { device, seed, writesInto, session }: RunnerOptions,
): Promise<StepRunner> {
  const { accumulate, forward, update, copy } = program;
  const kept = keptTensors(program);
  const onDevice = device === "webgpu";
  const memory = writesInto && !onDevice ? reusedMemory(runtime) : returnedMemory;
  const state = programState(new Set(kept.map(({ name }) => name)), memory);
  const feeds = stepFeeds(runtime, program.masks, seed);

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
    return { loss, correct };
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
