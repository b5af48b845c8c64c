import type { Gradients, StateValues, StepResult, StepRunner } from "../../train/index.ts";
import type { WorkerThread } from "../worker-thread.ts";
import type { StepRequest, UpdateRequest } from "../workers/training-step.ts";

/** The runner in a worker thread; arrays move there and back without being copied. */
export function threadRunner(thread: WorkerThread): StepRunner {
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
