import type { ModelConfig } from "../../nn/index.ts";
import type { Device, Platform, SessionOptions, Thread } from "../../runtime/index.ts";
import { trainingProgram, type TrainingProgram, type TrainingProgramOptions } from "../training-program.ts";
import { encodeProgram } from "./encoded-program.ts";
import type { OpenStepRequest, StepRequest, UpdateRequest } from "./step-worker.ts";
import {
  trainingStepOn,
  type Gradients,
  type StateValues,
  type StepResult,
  type StepRunner,
  type TrainingStep,
  type TrainingStepOptions,
} from "./training-step.ts";

/** Where a training step runs, and what it starts with. */
export interface OpenTrainingStepOptions extends SessionOptions, TrainingStepOptions {}

/**
 * Opens a training program in a worker thread of its own, so that steps never block the caller.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`; WeightsError
 *   `weights/mismatch` for a state of another program; UsageError `train/no-flat-gradients`; the signal's reason.
 */
export async function openTrainingStep(
  { startThread, machine }: Pick<Platform, "startThread" | "machine">,
  program: TrainingProgram,
  options: OpenTrainingStepOptions,
): Promise<TrainingStep> {
  const { device = "cpu", threads = machine().cores, seed = 0, firstMicroBatch = 0, signal } = options;
  signal?.throwIfAborted();
  const thread = startThread("training-step");
  try {
    const encoded = await encodeProgram(program);
    const request: OpenStepRequest = { program: encoded, device, threads, seed, firstMicroBatch };
    await thread.call("open", request, { signal });
    return await trainingStepOn(program, threadRunner(thread), options);
  } catch (error) {
    await thread.end();
    throw error;
  }
}

/**
 * A training program as it runs fastest on a device. On the CPU that is the blocked lowering, if the probe finds a
 * block size that computes what it should; ONNX's own operators anywhere else.
 *
 * @throws ModelError, UsageError as `trainingProgram`.
 */
export async function trainingProgramFor(
  platform: Pick<Platform, "blockSize">,
  device: Device,
  config: ModelConfig,
  options: Omit<TrainingProgramOptions, "blockSize">,
): Promise<TrainingProgram> {
  const blockSize = device === "cpu" ? await platform.blockSize?.("training") : undefined;
  return trainingProgram(config, { ...options, blockSize });
}

/** The runner in a worker thread; arrays move there and back without being copied. */
function threadRunner(thread: Thread): StepRunner {
  const ask = <Value>(method: "step" | "gradients", request: StepRequest): Promise<Value> => {
    const { images, targets } = request.batch;
    return thread.call<Value>(method, request, { transfer: buffersOf([images, targets]) });
  };
  return {
    step: (batch, rates) => ask<StepResult>("step", { batch, rates }),
    gradients: (batch, rates) => ask<Gradients>("gradients", { batch, rates }),
    update: (gradients, rates) =>
      thread.call<void>("update", { gradients, rates } satisfies UpdateRequest, {
        transfer: [gradients.buffer],
      }),
    discard: () => thread.call<void>("discard", undefined),
    read: () => thread.call<StateValues>("read", undefined),
    write: (values) => thread.call<void>("write", values, { transfer: buffersOf([...values.values()]) }),
    release: () => thread.end(),
  };
}

/** Each buffer once: several arrays may be views of one. */
function buffersOf(arrays: readonly Float32Array<ArrayBuffer>[]): ArrayBuffer[] {
  return [...new Set(arrays.map(({ buffer }) => buffer))];
}
