import { ModelError, SessionError, UsageError } from "../core/index.ts";
import { explanationGraph, inferenceGraph, type InferenceOutput } from "../nn/index.ts";
import type { Device, FloatPrecision, Precision } from "../runtime/index.ts";
import { weightsFile } from "../weights/index.ts";
import type { Int8Options, KnownQuantisation } from "./int8/calibrate.ts";
import { Model } from "./model.ts";
import {
  isOnnxPath,
  isWeightsPath,
  openModel,
  type ModelOptions,
  type ModelPlatform,
  type ModelSource,
} from "./open-model.ts";
import { openGraphPipeline, type ExecutionOptions } from "./pipeline/image-pipeline.ts";
import { classesOf } from "./results.ts";

export interface CreateModelOptions extends ModelOptions, ExecutionOptions, Int8Options {
  /**
   * `int8` computes convolutions in 8-bit integers: more than twice as fast on CPUs with VNNI instructions, a
   * little less exact, and for the CPU only. `bf16` multiplies floats of 8 bits of precision, with engine `openvino` on processors
   * that have instructions for it. Measure both on your own data.
   *
   * @default "fp32"
   */
  readonly precision?: Precision | undefined;
}

/**
 * Opens a model for inference.
 *
 * @param model As `openModel` takes it, or an ONNX file, of this package or of any image classifier.
 * @throws ModelError, DataError, WeightsError, SessionError; UsageError `usage/precision` for what only int8 has a use for
 */
export async function createModel<Input>(
  platform: ModelPlatform<Input>,
  model: string,
  options: CreateModelOptions = {},
): Promise<Model<Input>> {
  const given = options.weights ?? model;
  const file = isWeightsPath(given) ? await weightsFile(platform.storageFor, given) : given;
  if (isOnnxPath(file)) {
    if (options.key === undefined && !options.ema) return openExported(platform, file, options);
    throw new ModelError(
      "model/no-weights",
      `${file} is an exported graph, which has no other weights to take.`,
    );
  }
  const { precision = "fp32", device = "cpu" } = options;
  const { calibration, reduceRange } = options;
  refuseWithoutInt8(precision, { calibration, reduceRange });
  const source = await openModel(platform, model, options);
  if (precision !== "int8") return modelOf(platform, source, options, { floats: precision });
  requireInt8Kernels(device);
  // Loaded when the first is asked for, as most models compute in floats.
  const { quantisationHere } = await import("./int8/exact-sums.ts");
  return modelOf(platform, source, options, { int8: await quantisationHere(platform, source, options) });
}

/** What a model computes in: 8-bit integers, or floats. */
export interface ModelPrecision {
  readonly int8?: KnownQuantisation | undefined;
  /** @default "fp32" */
  readonly floats?: FloatPrecision | undefined;
}

/** A model for inference, of weights that are at hand. */
export async function modelOf<Input>(
  platform: ModelPlatform<Input>,
  source: ModelSource,
  execution: ExecutionOptions = {},
  { int8, floats = "fp32" }: ModelPrecision = {},
): Promise<Model<Input>> {
  const { description } = source;
  const { config, preprocessing, provenance } = description;
  const described = int8
    ? { ...description, provenance: { ...provenance, precision: int8.origin } }
    : description;
  const { inputSize } = preprocessing;
  const classes = await classesOf(description);
  return new Model(described, classes, platform.itemOf, (computation, images, signal) => {
    if ("explains" in computation) {
      const { explains: layer } = computation;
      return openGraphPipeline(platform, source, execution, {
        graph: (weights, { blockSize, batchSize }) =>
          explanationGraph(config, weights, { layer, batchSize, inputSize, blockSize }),
        // Integers have no gradients: those of a model in int8 are computed in float32.
        precision: int8 ? "fp32" : floats,
        timed: { as: `explained by ${layer}`, feeds: { selection: [config.numClasses] } },
        images,
        signal,
      });
    }
    const outputs = ownOutputs(computation);
    return openGraphPipeline(platform, source, execution, {
      graph: (weights, { blockSize }) =>
        inferenceGraph(config, weights, { outputs, inputSize, blockSize, int8 }),
      // ONNX Runtime packs 8-bit weights anew for each session.
      ...(int8 ? { parameterBytes: 2, precision: "int8" } : { precision: floats }),
      images,
      signal,
    });
  });
}

/** Outputs of a network of weights, by their own names. */
const ownOutputs = (names: readonly string[]): readonly InferenceOutput[] =>
  names.map((name) => name.replace(/^output:/, "") as InferenceOutput);

async function openExported<Input>(
  platform: ModelPlatform<Input>,
  file: string,
  options: CreateModelOptions,
): Promise<Model<Input>> {
  if (options.calibration !== undefined || options.reduceRange !== undefined) {
    throw new UsageError(
      "usage/precision",
      `${file} has the precision that it was exported with; leave calibration and reduceRange out.`,
    );
  }
  // Loaded when the first is opened: most models are opened from weights.
  return (await import("./open-graph.ts")).openGraph(platform, file, options);
}

/** @throws UsageError `usage/precision` for what only int8 has a use for, in another precision */
export function refuseWithoutInt8(precision: string, given: Readonly<Record<string, unknown>>): void {
  const [unused] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (precision === "int8" || unused === undefined) return;
  throw new UsageError(
    "usage/precision",
    `${unused} belongs to precision int8, and has no effect in ${precision}; leave it out.`,
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
