/** Where a graph runs, named as ONNX Runtime names its execution providers. */
export type Device = "cpu" | "webgpu" | "cuda" | "dml" | "coreml";

/** Every device, in the order in which help texts list them. */
export const devices: readonly Device[] = ["cpu", "webgpu", "cuda", "dml", "coreml"];
