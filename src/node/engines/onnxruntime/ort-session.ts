import { open, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { CreateSession, ModelChunks, StoredModel } from "../../../runtime/index.ts";
import { threadSessions } from "../../../runtime/thread-session.ts";
import { attempt, makeTemporaryFolder } from "../../files/file-system.ts";
import { startThread } from "../../threads/start-thread.ts";

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
 *
 * @throws DataError when the system's temporary folder is not there, may not be written to, or is full
 */
export async function storeModel(
  { model, weights }: ModelChunks,
  signal?: AbortSignal,
): Promise<StoredModel & { readonly model: string }> {
  const folder = await makeTemporaryFolder("ssl-resnext-");
  // Windows keeps a file that is mapped: it is then left to the system's own clean-up.
  const remove = (): Promise<void> =>
    rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      if (process.platform !== "win32") throw error;
    });
  try {
    const path = join(folder, "model.onnx");
    await writeChunks(join(folder, externalData), weights, signal);
    await writeChunks(path, model, signal);
    return { model: path, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Through a file handle: `writeFile` takes chunks in Node only, neither in Bun nor in Yarn's Plug'n'Play. */
async function writeChunks(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await attempt(path, () => open(path, "w"));
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      await attempt(path, () => file.writeFile(chunk));
    }
  } finally {
    await file.close();
  }
}
