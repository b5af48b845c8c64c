import { SessionError } from "../../core/index.ts";
import type { Device } from "../../runtime/index.ts";
import {
  openRunner,
  type EncodedProgram,
  type StateValues,
  type StepBatch,
  type StepRates,
  type StepRunner,
} from "../../train/index.ts";
import { onnxRuntime } from "../onnx/onnx-runtime.ts";
import type { Answer } from "../../runtime/thread-calls.ts";
import { answerCalls } from "../threads/answer-calls.ts";

/** The worker thread that takes training steps. */

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

// What goes wrong comes back as an error; ONNX Runtime's own lines on stderr would say it twice.
onnxRuntime.env.logLevel = "fatal";

let opened: StepRunner | undefined;

function runner(): StepRunner {
  if (opened) return opened;
  throw new SessionError("runtime/run-failed", "A step was asked for before a program was opened.");
}

async function open({ program, device, threads, seed }: OpenStepRequest): Promise<Answer> {
  opened = await openRunner(onnxRuntime, program, {
    device,
    seed,
    writesInto: true,
    session: {
      executionProviders: [device],
      intraOpNumThreads: threads,
      graphOptimizationLevel: "all",
      // Planning memory ahead takes half as much again for a training graph.
      enableMemPattern: false,
      logSeverityLevel: 4,
    },
  });
  return { value: undefined };
}

const step = async ({ batch, rates }: StepRequest): Promise<Answer> => ({
  value: await runner().step(batch, rates),
});

async function gradients({ batch, rates }: StepRequest): Promise<Answer> {
  const value = await runner().gradients(batch, rates);
  return { value, transfer: [value.gradients.buffer] };
}

const update = async (request: UpdateRequest): Promise<Answer> => ({
  value: await runner().update(request.gradients, request.rates),
});

const discard = async (): Promise<Answer> => ({ value: await runner().discard() });

async function read(): Promise<Answer> {
  const value = await runner().read();
  return { value, transfer: [...value.values()].map(({ buffer }) => buffer) };
}

const write = async (values: StateValues): Promise<Answer> => ({ value: await runner().write(values) });

answerCalls({ open, step, gradients, update, discard, read, write });
