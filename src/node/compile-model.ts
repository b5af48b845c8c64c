import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModel, type Graph } from "../graph/index.ts";

/** A model on disk, as sessions open it. */
export interface CompiledModel {
  /** Path of the `.onnx` file; its weights stand beside it. */
  readonly path: string;
  /** Deletes the files; sessions that are open keep what they need. */
  remove(): Promise<void>;
}

const externalData = "weights.bin";

/**
 * Writes a graph to a temporary folder for ONNX Runtime to map: peak memory is half of what it takes to hand
 * over the bytes, and several sessions share the pages.
 */
export async function compileModel(graph: Graph, signal?: AbortSignal): Promise<CompiledModel> {
  const folder = await mkdtemp(join(tmpdir(), "ssl-resnext-"));
  // Windows keeps a file that is mapped: it is then left to the system's own clean-up.
  const remove = (): Promise<void> =>
    rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      if (process.platform !== "win32") throw error;
    });
  try {
    const path = join(folder, "model.onnx");
    const { model, weights } = encodeModel(graph, { externalData });
    await writeFile(join(folder, externalData), weights, { signal });
    await writeFile(path, model, { signal });
    return { path, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
