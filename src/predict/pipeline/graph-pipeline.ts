import { elementCount, ModelError, type StateDict } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import { encodeModel, type Graph } from "../../graph/index.ts";
import type { DecodeOptions } from "../../image/index.ts";
import { parametersOf } from "../../nn/index.ts";
import {
  planExecution,
  type Device,
  type ImagePipeline,
  type Platform,
  type PlanOverrides,
  type StoredModel,
} from "../../runtime/index.ts";
import type { OpenedPipeline } from "../model.ts";
import type { ModelSource } from "../open-model.ts";
import { createImagePipeline } from "./image-pipeline.ts";

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
  platform: Platform,
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
      ...platform.machine(),
      modelBytes: parameterBytes * parameters,
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    overrides,
  );
  let compiled: StoredModel | undefined;
  try {
    const pipeline: ImagePipeline<ImageItem> = await createImagePipeline(platform, {
      model: async (blockSize) => {
        const { batchSize } = plan;
        compiled = await source.withWeights((weights) =>
          compileModel(platform, graph(weights, { blockSize, batchSize }), signal),
        );
        return compiled.model;
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

/** Puts a graph where sessions can open it, each weight passing through memory once. */
export function compileModel(
  { storeModel, externalData }: Pick<Platform, "storeModel" | "externalData">,
  graph: Graph,
  signal?: AbortSignal,
): Promise<StoredModel> {
  return storeModel(encodeModel(graph, externalData === undefined ? {} : { externalData }), signal);
}
