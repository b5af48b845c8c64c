import { elementCount, ModelError } from "../core/index.ts";
import type { DecodeOptions } from "../image/index.ts";
import { explanationGraph, inferenceGraph, parametersOf } from "../nn/index.ts";
import { Model, type Computation, type OpenedPipeline } from "../predict/index.ts";
import { planExecution, type Device, type PlanOverrides } from "../runtime/index.ts";
import { compileModel, type CompiledModel } from "./compile-model.ts";
import { createImagePipeline } from "./image-pipeline.ts";
import { machineResources } from "./machine-resources.ts";
import { openModel, type ModelOptions, type ModelSource } from "./open-model.ts";

export interface CreateModelOptions extends ModelOptions, ExecutionOptions {}

/** Where a model runs, and how its images are read. */
export interface ExecutionOptions {
  /** @default "cpu" */
  readonly device?: Device | undefined;
  /** Fixes workers, threads or batch; the rest is planned from cores, memory and the model's size. */
  readonly plan?: PlanOverrides | undefined;
  /** How images are decoded. */
  readonly decode?: DecodeOptions | undefined;
}

/**
 * Opens a model for inference.
 *
 * Its worker threads set `sharp.concurrency(1)` and `sharp.cache(false)` when they start. libvips has one of each
 * per process: a program that uses sharp itself finds them changed, and may set them again.
 *
 * @param model A card's name (`ssl_resnext50_32x4d`), timm's tag, the embedded model's name (`resnet20_cifar10`), an
 *   architecture, or a weights file.
 * @throws ModelError, DataError, WeightsError, SessionError.
 * @example
 * const model = await createModel("ssl_resnext50_32x4d", { pretrained: true });
 * const predictions = await model.classify("dog.jpg", { topk: 5 });
 */
export async function createModel(model: string, options: CreateModelOptions = {}): Promise<Model> {
  return modelOf(await openModel(model, options), options);
}

/** A model for inference, of weights that are at hand. */
export function modelOf(source: ModelSource, options: ExecutionOptions = {}): Model {
  return new Model(source.description, (computation, images, signal) =>
    openPipeline(source, options, computation, images, signal),
  );
}

async function openPipeline(
  source: ModelSource,
  { device = "cpu", plan: overrides = {}, decode }: ExecutionOptions,
  computation: Computation,
  images: number | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedPipeline> {
  const { config, preprocessing, name } = source.description;
  if (config.inChannels !== 3) {
    throw new ModelError(
      "model/input-channels",
      `${name} takes ${config.inChannels} channels; images have 3. Export it, and feed it with ONNX Runtime.`,
    );
  }
  const modelBytes = 4 * parametersOf(config).reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const plan = planExecution(
    {
      ...machineResources(),
      modelBytes,
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    overrides,
  );
  let compiled: CompiledModel | undefined;
  try {
    const pipeline = await createImagePipeline({
      model: async (blockSize) => {
        compiled = await source.withWeights((weights) => {
          const { inputSize } = preprocessing;
          const { batchSize } = plan;
          const graph =
            "explains" in computation
              ? explanationGraph(config, weights, {
                  layer: computation.explains,
                  batchSize,
                  inputSize,
                  blockSize,
                })
              : inferenceGraph(config, weights, { outputs: computation, inputSize, blockSize });
          return compileModel(graph, signal);
        });
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
