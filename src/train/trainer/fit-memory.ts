import { bytesPerElement, elementCount, TrainingError } from "../../core/index.ts";
import type { Graph, Value } from "../../graph/index.ts";
import type { ModelConfig } from "../../nn/index.ts";
import type { Recipe } from "../recipe/fields.ts";
import { trainingProgram } from "../training-program.ts";
import { programOptions } from "./plan.ts";

/** Of what is free, for a step; the rest is for batches that are made, decoded images and what a kernel needs. */
const memoryShare = 0.75;

/**
 * Fewest images that compete with each other as pairs of views, or of which a normalisation takes statistics, where nothing says how
 * many: with fewer, what is learnt gets worse ({@link https://arxiv.org/abs/1803.08494 Wu and He, 2018}).
 */
const fewestTogether = 16;

/** A recipe whose steps fit into memory. */
export interface FittedRecipe {
  readonly recipe: Recipe;
  /** About what a step would need that computes its whole batch at once, in bytes. */
  readonly wholeBytes: number;
}

/**
 * The recipe with the largest micro-batch that fits into memory, where its batch does not. A micro-batch that is given stays as it is.
 *
 * What a step needs is estimated by its graph: 16.5, 8.3 and 4.1 GB where the whole process took 16.3, 10.0 and 5.7 GB, with 64, 32 and 16
 * images of 224x224 at once, to adapt ResNeXt-50 on a CPU.
 *
 * @param inputSize Height and width of the images.
 * @param freeMemory Bytes that are not in use.
 * @throws TrainingError `train/out-of-memory` where a batch can be divided no further; one image at once is the least with frozen
 *   statistics, {@link fewestTogether} otherwise.
 */
export function fitMemory(
  recipe: Recipe,
  config: ModelConfig,
  inputSize: number,
  freeMemory: number,
): FittedRecipe {
  const { mode, batchSize, batchNorm } = recipe;
  const bytesOf = (microBatch: number | null): number => {
    const options = programOptions({ ...recipe, microBatch }, config, inputSize);
    return Math.max(...Object.values(trainingProgram(config, options).graphs).map(peakBytes));
  };
  const wholeBytes = bytesOf(null);
  const allowed = memoryShare * freeMemory;
  if (wholeBytes <= allowed) return { recipe, wholeBytes };

  const least = mode !== "adapt" && batchNorm === "frozen" ? 1 : fewestTogether;
  for (let microBatch = Math.floor(batchSize / 2); microBatch >= least; microBatch--) {
    if (batchSize % microBatch !== 0 || bytesOf(microBatch) > allowed) continue;
    return { recipe: { ...recipe, microBatch }, wholeBytes };
  }
  throw new TrainingError(
    "train/out-of-memory",
    `A step of ${batchSize} images needs about ${gigabytes(wholeBytes)} GB, ${gigabytes(freeMemory)} GB are free, and it is not computed in parts of fewer than ${least} ${least === 1 ? "image" : "images"} unless they are asked for: take smaller images (inputSize, --input-size) or a smaller model, close other programs, or give the images to compute at once (microBatch, --micro-batch).`,
  );
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);

/**
 * Memory for what the nodes of a graph compute, in bytes, where they run in its order and every tensor is kept until the last node
 * that reads it: its inputs and constants are not counted, nor what a kernel needs while it runs, nor that some write into what
 * they read.
 *
 * @param graph One whose dimensions are all numbers.
 */
export function peakBytes({ nodes, outputs }: Graph): number {
  const lastReader = new Map<Value, number>();
  for (const [index, node] of nodes.entries()) {
    for (const value of node.inputs) if (value?.source.kind === "node") lastReader.set(value, index);
  }
  for (const value of outputs.values()) lastReader.set(value, nodes.length);
  const freed = new Float64Array(nodes.length + 1);
  let [standing, most] = [0, 0];
  for (const [index, node] of nodes.entries()) {
    for (const value of node.outputs) {
      const bytes = bytesOf(value);
      standing += bytes;
      freed[lastReader.get(value) ?? index]! += bytes;
    }
    most = Math.max(most, standing);
    standing -= freed[index]!;
  }
  return most;
}

const bytesOf = ({ dtype, shape }: Value): number =>
  elementCount(shape as readonly number[]) * bytesPerElement(dtype);
