import { SessionError, UsageError } from "../core/index.ts";
import { explanationGraph, inferenceGraph } from "../nn/index.ts";
import { Model } from "../predict/index.ts";
import type { Device } from "../runtime/index.ts";
import { quantisationOf, type Int8Options, type KnownQuantisation } from "./calibrate-model.ts";
import { openGraphPipeline, type ExecutionOptions } from "./graph-pipeline.ts";
import { isOnnxPath, openModel, type ModelOptions, type ModelSource } from "./open-model.ts";
import { openOnnxModel } from "./open-onnx-model.ts";

export interface CreateModelOptions extends ModelOptions, ExecutionOptions, Int8Options {
  /**
   * `int8` computes convolutions in 8-bit integers: more than twice as fast on CPUs with VNNI instructions, a
   * little less exact, and for the CPU only. Measure it on your own data.
   *
   * @default "fp32"
   */
  readonly precision?: "fp32" | "int8" | undefined;
}

/**
 * Opens a model for inference.
 *
 * Its worker threads set `sharp.concurrency(1)` and `sharp.cache(false)` when they start. libvips has one of each
 * per process: a program that uses sharp itself finds them changed, and may set them again.
 *
 * @param model A card's name (`ssl_resnext50_32x4d`), timm's tag, the embedded model's name (`ssl_resnext17_cifar10`), an
 *   architecture, a weights file, or an ONNX file that `exportOnnx` wrote.
 * @throws ModelError, DataError, WeightsError, SessionError.
 * @example
 * const model = await createModel("ssl_resnext50_32x4d", { pretrained: true });
 * const predictions = await model.classify("dog.jpg", { topk: 5 });
 */
export async function createModel(model: string, options: CreateModelOptions = {}): Promise<Model> {
  const file = options.weights ?? model;
  if (isOnnxPath(file)) return openExported(file, options);
  const source = await openModel(model, options);
  if (options.precision !== "int8") return modelOf(source, options);
  requireInt8Kernels(options.device ?? "cpu");
  return modelOf(source, options, await quantisationOf(source, options));
}

/** A model for inference, of weights that are at hand. */
export function modelOf(
  source: ModelSource,
  execution: ExecutionOptions = {},
  int8?: KnownQuantisation,
): Model {
  const { description } = source;
  const { config, preprocessing, provenance } = description;
  const described = int8
    ? { ...description, provenance: { ...provenance, precision: int8.origin } }
    : description;
  const { inputSize } = preprocessing;
  return new Model(described, (computation, images, signal) =>
    openGraphPipeline(source, execution, {
      // Explanations are computed in float32: integers have no gradients.
      graph: (weights, { blockSize, batchSize }) =>
        "explains" in computation
          ? explanationGraph(config, weights, {
              layer: computation.explains,
              batchSize,
              inputSize,
              blockSize,
            })
          : inferenceGraph(config, weights, { outputs: computation, inputSize, blockSize, int8 }),
      // ONNX Runtime packs 8-bit weights anew for each session.
      ...(int8 ? { parameterBytes: 2 } : {}),
      images,
      signal,
    }),
  );
}

function openExported(file: string, options: CreateModelOptions): Promise<Model> {
  if (options.precision === undefined) return openOnnxModel(file, options);
  throw new UsageError(
    "usage/precision",
    `${file} has the precision that it was exported with; leave precision and calibration out.`,
  );
}

/** @throws SessionError `runtime/device-unavailable` for a device that computes in floats only. */
export function requireInt8Kernels(device: Device): void {
  if (device === "cpu") return;
  throw new SessionError(
    "runtime/device-unavailable",
    `int8 runs on the CPU; device "${device}" has no kernels for it. Use fp32 there.`,
  );
}
