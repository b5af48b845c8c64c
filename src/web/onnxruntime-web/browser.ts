/** The build with ONNX Runtime's own WebGPU kernels: the default one has older kernels, in JavaScript. */
export * from "onnxruntime-web/webgpu";
