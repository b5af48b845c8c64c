import { SessionError } from "../core/errors.ts";

/** What runs a graph: a library for inference, by its own name. */
export type Engine = "onnxruntime" | "openvino";

/** What floats may be multiplied in, the default first. */
export const floatPrecisions = ["fp32", "bf16"] as const;

/**
 * What floats are multiplied in. An engine computes in what it is told, never in less because that would be faster: `bf16` keeps 8
 * bits of each factor, and adds up in float32.
 */
export type FloatPrecision = (typeof floatPrecisions)[number];

/** What a network computes in: floats, or 8-bit integers. */
export type Precision = FloatPrecision | "int8";

/** All that a network may compute in, the default first. */
export const precisions: readonly Precision[] = [...floatPrecisions, "int8"];

/** Where a graph runs, as the engine names it: ONNX Runtime's execution providers, and OpenVINO's devices. */
export type Device = "cpu" | "webgpu" | "cuda" | "dml" | "coreml" | "gpu" | "npu";

/** What an engine is asked for. */
export interface EngineRequest {
  readonly engine: Engine;
  readonly device: Device;
  readonly precision: FloatPrecision;
}

/** The devices of each engine, as the engine names them but in lower case; its first is what it runs on unless told otherwise. */
export const engineDevices: Readonly<Record<Engine, readonly Device[]>> = {
  onnxruntime: ["cpu", "webgpu", "cuda", "dml", "coreml"],
  openvino: ["cpu", "gpu", "npu"],
};

/** Every engine, the default first. */
export const engines: readonly Engine[] = Object.keys(engineDevices) as Engine[];

/**
 * Refuses what an engine does not have.
 *
 * @param available The engines of this platform.
 * @throws SessionError `runtime/engine-unavailable`, `runtime/device-unavailable`, `runtime/precision-unavailable`
 */
export function requireEngine(
  { engine, device, precision }: EngineRequest,
  available: readonly Engine[],
): void {
  if (!available.includes(engine)) {
    throw new SessionError(
      "runtime/engine-unavailable",
      `Engine "${engine}" is not available here; expected ${available.join(" or ")}.`,
    );
  }
  if (!engineDevices[engine].includes(device)) {
    const others = engines.filter((other) => engineDevices[other].includes(device));
    throw new SessionError(
      "runtime/device-unavailable",
      `Engine "${engine}" has no device "${device}"; it has ${engineDevices[engine].join(", ")}. ` +
        `Engine "${others.join('" or "')}" has one.`,
    );
  }
  if (engine === "onnxruntime" && precision === "bf16") {
    throw new SessionError(
      "runtime/precision-unavailable",
      "ONNX Runtime computes no convolution in bf16. Use fp32 or int8, or engine openvino on a processor that has bf16.",
    );
  }
}
