import { availableParallelism, cpus, totalmem } from "node:os";
import type { Fact } from "../report/elements.ts";
import type { Device } from "../runtime/index.ts";
import { onnxRuntimeVersion } from "./onnx/install-onnx-runtime.ts";

/** What a run ran on. */
export function machineFacts(device: Device): readonly Fact[] {
  return [
    { name: "processor", value: cpus()[0]?.model ?? "unknown" },
    { name: "cores", value: availableParallelism() },
    { name: "memory", value: `${(totalmem() / 1e9).toFixed(1)} GB` },
    { name: "device", value: device },
    { name: "ONNX Runtime", value: onnxRuntimeVersion },
    { name: "Node", value: process.version },
    { name: "system", value: `${process.platform} ${process.arch}` },
  ];
}

/** Bytes that this process took at most. */
export const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;
