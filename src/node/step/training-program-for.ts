import type { ResNetConfig } from "../../nn/index.ts";
import type { Device } from "../../runtime/index.ts";
import { trainingProgram, type TrainingProgram, type TrainingProgramOptions } from "../../train/index.ts";
import { trainingBlockSize } from "../block-size.ts";

/**
 * A training program as it runs fastest on a device. On the CPU that is the blocked lowering, if the probe finds a
 * block size that computes what it should; ONNX's own operators anywhere else.
 *
 * @throws ModelError, UsageError as `trainingProgram`.
 */
export async function trainingProgramFor(
  device: Device,
  config: ResNetConfig,
  options: Omit<TrainingProgramOptions, "blockSize">,
): Promise<TrainingProgram> {
  const blockSize = device === "cpu" ? await trainingBlockSize() : undefined;
  return trainingProgram(config, { ...options, blockSize });
}
