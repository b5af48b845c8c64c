/** WebAssembly has threads in Node with this build only. */
export * from "onnxruntime-web";
