import { mkdtemp } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { Fact } from "../report/elements.ts";
import type { Device } from "../runtime/index.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import { attempt } from "./files/file-system.ts";
import { thumbnail } from "./images/encode-image.ts";
import { onnxRuntimeVersion } from "./onnx/install-onnx-runtime.ts";
import { packageVersion } from "./package-files.ts";
import { nodePlatform } from "./platform.ts";

/** What training needs of the world, in Node. */
export const nodeTrainingPlatform: TrainingPlatform = {
  ...nodePlatform,
  packageVersion,
  temporaryFolder: () => attempt(tmpdir(), () => mkdtemp(join(tmpdir(), "ssl-resnext-images-"))),
  thumbnail,
  machineFacts,
  peakMemory: () => process.resourceUsage().maxRSS * 1024,
};

/** What a run ran on. */
function machineFacts(device: Device): readonly Fact[] {
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
