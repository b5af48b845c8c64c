import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { CreateSession, ModelChunks, StoredModel } from "../../runtime/index.ts";
import { threadSessions } from "../../runtime/thread-session.ts";
import { startThread } from "../threads/start-thread.ts";

/**
 * Opens a session of onnxruntime-node in a worker thread of its own, so that runs never block the caller.
 *
 * An idle session does not keep the process alive. `webgpu` is part of the package; `cuda`, `dml` and
 * `coreml` need the platform and the libraries for which onnxruntime-node has them.
 */
export const createSession: CreateSession = threadSessions(startThread, availableParallelism);

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
