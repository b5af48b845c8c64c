import { availableParallelism } from "node:os";
import type { Tensor } from "../core/index.ts";
import type { CreateSession, Session } from "../runtime/index.ts";
import { startWorkerThread, workerScript } from "./worker-thread.ts";
import type { OpenRequest } from "./workers/open-inference-session.ts";
import type { RunRequest } from "./workers/session.ts";

/**
 * Opens a session of onnxruntime-node in a worker thread of its own, so that runs never block the caller.
 *
 * An idle session does not keep the process alive. `webgpu` is part of the package; `cuda`, `dml` and
 * `coreml` need the platform and the libraries for which onnxruntime-node has them.
 */
export const createSession: CreateSession = async (
  model,
  { device = "cpu", threads = availableParallelism(), signal } = {},
) => {
  const thread = startWorkerThread(workerScript("session"));
  try {
    const request: OpenRequest = { model, device, threads };
    const names = await thread.call<Pick<Session, "inputNames" | "outputNames">>("open", request, { signal });
    return {
      device,
      ...names,
      run: (feeds, { outputs, transfer = false, signal: runSignal } = {}) => {
        const run: RunRequest = { feeds: plainTensors(feeds), outputs };
        return thread.call<Readonly<Record<string, Tensor>>>("run", run, {
          transfer: transfer ? buffersOf(feeds) : [],
          signal: runSignal,
        });
      },
      release: () => thread.end(),
    };
  } catch (error) {
    await thread.end();
    throw error;
  }
};

/** Without whatever else the values carry: a method cannot cross to another thread. */
function plainTensors(feeds: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const plain = ({ dtype, dims, data }: Tensor): Tensor => ({ dtype, dims, data });
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, plain(tensor)]));
}

/** Each buffer once: several tensors may be views of one. */
function buffersOf(feeds: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(feeds).map(({ data }) => data.buffer))];
}
