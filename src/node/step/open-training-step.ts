import { availableParallelism } from "node:os";
import type { SessionOptions } from "../../runtime/index.ts";
import {
  encodeProgram,
  trainingStepOn,
  type TrainingProgram,
  type TrainingStep,
  type TrainingStepOptions,
} from "../../train/index.ts";
import { startWorkerThread, workerScript } from "../worker-thread.ts";
import type { OpenStepRequest } from "../workers/training-step.ts";
import { threadRunner } from "./thread-runner.ts";

/** Where a training step runs, and what it starts with. */
export interface OpenTrainingStepOptions extends SessionOptions, TrainingStepOptions {}

/**
 * Opens a training program in a worker thread of its own, so that steps never block the caller.
 *
 * An idle step does not keep the process alive. With `webgpu` the state stays on the device from step to step;
 * on the CPU, ONNX Runtime writes it into tensors that alternate.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`; WeightsError
 *   `weights/mismatch` for a state of another program; UsageError `train/no-flat-gradients`; the signal's reason.
 * @example
 * const program = await trainingProgramFor("cpu", config, { batchSize: 32 });
 * const step = await openTrainingStep(program, { state: initialTrainingState(program) });
 * const { loss } = await step.run({ images, targets }, { learningRate: 0.1, step: 1 });
 */
export async function openTrainingStep(
  program: TrainingProgram,
  options: OpenTrainingStepOptions,
): Promise<TrainingStep> {
  const { device = "cpu", threads = availableParallelism(), seed = 0, signal } = options;
  signal?.throwIfAborted();
  const thread = startWorkerThread(workerScript("training-step"));
  try {
    const request: OpenStepRequest = { program: await encodeProgram(program), device, threads, seed };
    await thread.call("open", request, { signal });
    return await trainingStepOn(program, threadRunner(thread), options);
  } catch (error) {
    await thread.end();
    throw error;
  }
}
