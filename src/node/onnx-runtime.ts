import { createRequire } from "node:module";
import { join } from "node:path";
import type * as OnnxRuntime from "onnxruntime-node";
import { installOnnxRuntime } from "./install-onnx-runtime.ts";

/** onnxruntime-node from beside this package, or else from the cache, where it is installed if need be. */
async function load(): Promise<typeof OnnxRuntime> {
  const require = createRequire(import.meta.url);
  try {
    require.resolve("onnxruntime-node");
  } catch {
    const folder = await installOnnxRuntime();
    return createRequire(join(folder, "package.json"))("onnxruntime-node") as typeof OnnxRuntime;
  }
  return require("onnxruntime-node") as typeof OnnxRuntime;
}

/** ONNX Runtime; importing this module loads it, so only worker threads do. */
export const onnxRuntime: typeof OnnxRuntime = await load();
