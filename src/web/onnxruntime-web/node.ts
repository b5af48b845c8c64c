import type { LoadOnnxRuntime } from "./build.ts";

/** WebAssembly has threads in Node with this build only. */
export const loadOnnxRuntime: LoadOnnxRuntime = () => import("onnxruntime-web");
