import type { InferenceSession } from "onnxruntime-common";
import { SessionError } from "../../core/errors.ts";
import type { OnnxRuntime } from "../../runtime/onnx-runtime.ts";
import type { Device } from "../../runtime/engine.ts";
import type { Answer, Methods } from "../../runtime/thread-calls.ts";
import type { EncodedProgram } from "./encoded-program.ts";
import { openRunner } from "./open-runner.ts";
import type { StateValues, StepBatch, StepRates, StepRunner } from "./training-step.ts";

export interface OpenStepRequest {
  readonly program: EncodedProgram;
  readonly device: Device;
  readonly threads: number;
  readonly seed: number;
  readonly firstMicroBatch: number;
}

export interface StepRequest {
  readonly batch: StepBatch;
  readonly rates: StepRates;
}

export interface UpdateRequest {
  readonly gradients: Float32Array<ArrayBuffer>;
  readonly rates: StepRates;
}

/** What a platform gives its worker for training steps. */
export interface StepWorkerParts {
  /** ONNX Runtime for a device, and how it opens sessions there. @throws SessionError `runtime/not-installed` */
  readonly openRuntime: (
    device: Device,
    threads: number,
  ) => Promise<{ readonly onnxRuntime: OnnxRuntime; readonly options: InferenceSession.SessionOptions }>;
  /** Whether ONNX Runtime writes results into the memory that it is given. */
  readonly writesInto: boolean;
}

/** The worker that takes training steps. */
export function stepWorker({ openRuntime, writesInto }: StepWorkerParts): Methods {
  let opened: StepRunner | undefined;
  const runner = (): StepRunner => {
    if (opened) return opened;
    throw new SessionError("runtime/run-failed", "A step was asked for before a program was opened.");
  };
  return {
    async open({ program, device, threads, ...draws }: OpenStepRequest): Promise<Answer> {
      const { onnxRuntime, options: session } = await openRuntime(device, threads);
      opened = await openRunner(onnxRuntime, program, { device, ...draws, writesInto, session });
      return { value: undefined };
    },
    async step({ batch, rates }: StepRequest): Promise<Answer> {
      const value = await runner().step(batch, rates);
      return { value, transfer: buffersOf(value.batch) };
    },
    async gradients({ batch, rates }: StepRequest): Promise<Answer> {
      const value = await runner().gradients(batch, rates);
      return { value, transfer: [value.gradients.buffer, ...buffersOf(value.batch)] };
    },
    update: async ({ gradients, rates }: UpdateRequest) => ({
      value: await runner().update(gradients, rates),
    }),
    discard: async () => ({ value: await runner().discard() }),
    async read(): Promise<Answer> {
      const value = await runner().read();
      return { value, transfer: [...value.values()].map(({ buffer }) => buffer) };
    },
    write: async (values: StateValues) => ({ value: await runner().write(values) }),
  };
}

/** What a batch gives back; both arrays may be views of one buffer. */
const buffersOf = ({ images, targets }: StepBatch): ArrayBuffer[] => [
  ...new Set([images.buffer, targets.buffer]),
];
