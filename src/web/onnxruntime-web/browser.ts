import type { LoadOnnxRuntime } from "./build.ts";

/**
 * WebAssembly alone is 14 MB. WebGPU is ONNX Runtime's own kernels, not the older ones in JavaScript of the package's main
 * entry: 17 MB where WebAssembly can suspend on a promise (JSPI), 27 MB where its code had to be rewritten for that.
 */
export const loadOnnxRuntime: LoadOnnxRuntime = (device) => {
  if (device !== "webgpu") return import("onnxruntime-web/wasm");
  return "Suspending" in WebAssembly ? import("onnxruntime-web/jspi") : import("onnxruntime-web/webgpu");
};
