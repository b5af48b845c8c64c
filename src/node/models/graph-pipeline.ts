import { availableParallelism } from "node:os";
import { availableMemory } from "node:process";
import { elementCount, ModelError, type StateDict } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { DecodeOptions } from "../../image/index.ts";
import { parametersOf } from "../../nn/index.ts";
import type { OpenedPipeline } from "../../predict/index.ts";
import {
  planExecution,
  type Device,
  type ExecutionConditions,
  type ImagePipeline,
  type PlanOverrides,
} from "../../runtime/index.ts";
import { createImagePipeline } from "../onnx/image-pipeline.ts";
import { compileModel, type CompiledModel } from "../onnx/ort-session.ts";
import type { ModelSource } from "./open-model.ts";

/** Where a model runs, and how its images are read. */
export interface ExecutionOptions {
  /** @default "cpu" */
  readonly device?: Device | undefined;
  /** Fixes workers, threads or batch; the rest is planned from cores, memory and the model's size. */
  readonly plan?: PlanOverrides | undefined;
  /** How images are decoded. */
  readonly decode?: DecodeOptions | undefined;
}

/** One use of a model's weights: the graph that is written of them, and for how many images. */
interface GraphJob {
  /** Writes the graph for the block size of the CPU's kernels, `undefined` where there are none, and a batch. */
  readonly graph: (
    weights: StateDict,
    sizes: { readonly blockSize: number | undefined; readonly batchSize: number },
  ) => Graph;
  /** Bytes that a parameter takes in memory. @default 4 */
  readonly parameterBytes?: number | undefined;
  /** How many images will come; unknown when left out. */
  readonly images?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compiles a graph of a model's weights and opens the sessions that run it over images.
 *
 * @throws ModelError `model/input-channels` for a model that does not see colour images.
 */
export async function openGraphPipeline(
  source: ModelSource,
  { device = "cpu", plan: overrides = {}, decode }: ExecutionOptions,
  { graph, parameterBytes = 4, images, signal }: GraphJob,
): Promise<OpenedPipeline> {
  const { config, preprocessing, name } = source.description;
  if (config.inChannels !== 3) {
    throw new ModelError(
      "model/input-channels",
      `${name} takes ${config.inChannels} channels; images have 3. Export it, and feed it with ONNX Runtime.`,
    );
  }
  const parameters = parametersOf(config).reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const plan = planExecution(
    {
      ...machineResources(),
      modelBytes: parameterBytes * parameters,
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    overrides,
  );
  let compiled: CompiledModel | undefined;
  try {
    const pipeline: ImagePipeline<ImageItem> = await createImagePipeline({
      model: async (blockSize) => {
        const { batchSize } = plan;
        compiled = await source.withWeights((weights) =>
          compileModel(graph(weights, { blockSize, batchSize }), signal),
        );
        return compiled.path;
      },
      preprocessing,
      plan,
      device,
      ...(decode ? { decode } : {}),
      ...(signal ? { signal } : {}),
    });
    return { pipeline, plan };
  } finally {
    await compiled?.remove();
  }
}

/** Cores and memory that this process may use, the limits of its container included. */
export function machineResources(): Pick<ExecutionConditions, "cores" | "freeMemory"> {
  return { cores: availableParallelism(), freeMemory: availableMemory() };
}
