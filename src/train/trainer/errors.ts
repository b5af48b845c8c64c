import { SessionError, TrainingError, type Tensor } from "../../core/index.ts";
import type { Recipe } from "../recipe/index.ts";

/** Where a loss or weight was met that is no finite number. */
export interface NotFinite {
  readonly what: string;
  readonly step: number;
  readonly learningRate: number;
  /** The last checkpoint that was saved, if there is one. */
  readonly checkpoint: string | undefined;
}

/** The error for a training that has diverged. */
export function notFinite({ what, step, learningRate, checkpoint }: NotFinite): TrainingError {
  const kept =
    checkpoint === undefined ? "No checkpoint was saved before it." : `${checkpoint} is from before it.`;
  return new TrainingError(
    "train/not-finite",
    `Step ${step}, at a learning rate of ${Number(learningRate.toPrecision(4))}: ${what}. The training has diverged: lower the learning rate, lengthen the warm-up, or clip the gradients (clipNorm: 1). ${kept}`,
  );
}

/** The name of the first tensor with an element that is no finite number. */
export function findNotFinite(state: ReadonlyMap<string, Tensor<"float32">>): string | undefined {
  for (const [name, { data }] of state) {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return name;
  }
  return undefined;
}

/** Says what to do where the memory does not suffice; other errors pass. */
export function explainMemory(error: unknown, { batchSize, microBatch }: Recipe): unknown {
  if (!(error instanceof SessionError) || error.code !== "runtime/out-of-memory") return error;
  const atOnce = microBatch ?? batchSize;
  const remedy =
    atOnce > 1
      ? `compute fewer at once (microBatch, --micro-batch: ${Math.ceil(atOnce / 2)} or less, which leaves the steps as they are)`
      : "take smaller images (inputSize) or a smaller model";
  return new TrainingError(
    "train/out-of-memory",
    `A step of ${batchSize} images, ${atOnce} of them at once, does not fit into memory: ${remedy}. The last checkpoint is as it was.`,
    { cause: error },
  );
}
