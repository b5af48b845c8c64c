import type * as onnxRuntimeWeb from "onnxruntime-web";
import type { Device } from "../../runtime/index.ts";

/** Loads the build of onnxruntime-web that suits a device, when it is first asked for. */
export type LoadOnnxRuntime = (device: Device) => Promise<typeof onnxRuntimeWeb>;
