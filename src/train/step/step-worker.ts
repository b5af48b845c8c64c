import type { InferenceSession } from "onnxruntime-common";
import { SessionError } from "../../core/errors.ts";
import type { OnnxRuntime } from "../../runtime/onnx-runtime.ts";
import type { Device } from "../../runtime/session.ts";
import type { Answer, Methods } from "../../runtime/thread-calls.ts";
import type { EncodedProgram } from "./encoded-program.ts";
import { openRunner } from "./open-runner.ts";
import type { StateValues, StepBatch, StepRates, StepRunner } from "./training-step.ts";

export interface OpenStepRequest {
  readonly program: EncodedProgram;
  readonly device: Device;
  readonly threads: number;
  readonly seed: number;
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
  readonly runtime: OnnxRuntime;
  readonly sessionOptions: (device: Device, threads: number) => InferenceSession.SessionOptions;
  /** Whether ONNX Runtime writes results into the memory that it is given. */
  readonly writesInto: boolean;
}

/** The worker that takes training steps. */
export function stepWorker({ runtime, sessionOptions, writesInto }: StepWorkerParts): Methods {
  let opened: StepRunner | undefined;
  const runner = (): StepRunner => {
    if (opened) return opened;
    throw new SessionError("runtime/run-failed", "A step was asked for before a program was opened.");
  };
  return {
    async open({ program, device, threads, seed }: OpenStepRequest): Promise<Answer> {
      const session = sessionOptions(device, threads);
      opened = await openRunner(runtime, program, { device, seed, writesInto, session });
      return { value: undefined };
    },
    step: async ({ batch, rates }: StepRequest) => ({ value: await runner().step(batch, rates) }),
    async gradients({ batch, rates }: StepRequest): Promise<Answer> {
      const value = await runner().gradients(batch, rates);
      return { value, transfer: [value.gradients.buffer] };
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
