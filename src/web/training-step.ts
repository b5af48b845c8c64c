import type { SessionOptions } from "../runtime/index.ts";
import {
  encodeProgram,
  openRunner,
  trainingStepOn,
  type StepRunner,
  type TrainingProgram,
  type TrainingStep,
  type TrainingStepOptions,
} from "../train/index.ts";
import { openOnnxRuntime, runtimeCalls } from "./ort-session.ts";

/**
 * Opens a training program of onnxruntime-web in this thread: `cpu` is WebAssembly, and `webgpu` the browser's GPU,
 * where the state stays from step to step. The program is one in ONNX's own operators, without a block size.
 *
 * A step on the CPU blocks the thread: a page takes steps in a worker of its own.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`; WeightsError
 *   `weights/mismatch` for a state of another program; UsageError `train/no-flat-gradients`; the signal's reason.
 */
export async function openTrainingStep(
  program: TrainingProgram,
  options: SessionOptions & TrainingStepOptions,
): Promise<TrainingStep> {
  const { device = "cpu", threads, seed = 0, signal } = options;
  signal?.throwIfAborted();
  const encoded = await encodeProgram(program);
  const { onnxRuntime, options: session } = await openOnnxRuntime(device, threads);
  const runner = await runtimeCalls.add(() =>
    // WebAssembly copies what it is given, and never writes into it.
    openRunner(onnxRuntime, encoded, { device, seed, writesInto: false, session }),
  );
  return trainingStepOn(program, queued(runner), options);
}

/** Waits for the runs of other sessions. */
function queued(runner: StepRunner): StepRunner {
  return {
    step: (batch, rates) => runtimeCalls.add(() => runner.step(batch, rates)),
    gradients: (batch, rates) => runtimeCalls.add(() => runner.gradients(batch, rates)),
    update: (gradients, rates) => runtimeCalls.add(() => runner.update(gradients, rates)),
    discard: () => runner.discard(),
    read: () => runtimeCalls.add(() => runner.read()),
    write: (values) => runtimeCalls.add(() => runner.write(values)),
    release: () => runtimeCalls.add(() => runner.release()),
  };
}
