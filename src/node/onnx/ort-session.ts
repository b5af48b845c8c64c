import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "../../core/index.ts";
import type {
  CreateSession,
  ModelChunks,
  Session,
  SessionRequest,
  StoredModel,
} from "../../runtime/index.ts";
import { startThread } from "../threads/start-thread.ts";
import type { RunRequest } from "../workers/session.ts";

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
  const thread = startThread("session");
  try {
    const request: SessionRequest = { model, device, threads };
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

/** Name of the file beside a stored model that holds its weights. */
export const externalData = "weights.bin";

/**
 * Writes a model to a temporary folder for ONNX Runtime to map: peak memory is half of what it takes to hand over the
 * bytes, and several sessions share the pages.
 */
export async function storeModel(
  { model, weights }: ModelChunks,
  signal?: AbortSignal,
): Promise<StoredModel & { readonly model: string }> {
  const folder = await mkdtemp(join(tmpdir(), "ssl-resnext-"));
  // Windows keeps a file that is mapped: it is then left to the system's own clean-up.
  const remove = (): Promise<void> =>
    rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      if (process.platform !== "win32") throw error;
    });
  try {
    const path = join(folder, "model.onnx");
    await writeFile(join(folder, externalData), weights, { signal });
    await writeFile(path, model, { signal });
    return { model: path, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
