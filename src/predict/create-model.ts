import { ModelError, SessionError, UsageError } from "../core/index.ts";
import { readBytes, type Storage } from "../core/storage/index.ts";
import { readModelInterface, type ModelInterface } from "../graph/index.ts";
import { changePreprocessing, type Preprocessing } from "../image/index.ts";
import {
  decodeDescription,
  explanationGraph,
  inferenceGraph,
  type InferenceOutput,
  type ModelDescription,
} from "../nn/index.ts";
import { planExecution, type Device } from "../runtime/index.ts";
import { quantisationOf, type Int8Options, type KnownQuantisation } from "./calibrate.ts";
import { Model, type OpenedPipeline } from "./model.ts";
import {
  isOnnxPath,
  openModel,
  withClasses,
  type ModelOptions,
  type ModelPlatform,
  type ModelSource,
} from "./open-model.ts";
import { createImagePipeline, openGraphPipeline, type ExecutionOptions } from "./pipeline/image-pipeline.ts";
import { classesOf } from "./results.ts";

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
 * @param model As `openModel` takes it, or an ONNX file that `exportOnnx` wrote.
 * @throws ModelError, DataError, WeightsError, SessionError.
 */
export async function createModel<Input>(
  platform: ModelPlatform<Input>,
  model: string,
  options: CreateModelOptions = {},
): Promise<Model<Input>> {
  const file = options.weights ?? model;
  if (isOnnxPath(file)) {
    if (options.key === undefined && !options.ema) return openExported(platform, file, options);
    throw new ModelError(
      "model/no-weights",
      `${file} is an exported graph, which has no other weights to take.`,
    );
  }
  const source = await openModel(platform, model, options);
  if (options.precision !== "int8") return modelOf(platform, source, options);
  requireInt8Kernels(options.device ?? "cpu");
  return modelOf(platform, source, options, await quantisationOf(platform, source, options));
}

/** A model for inference, of weights that are at hand. */
export async function modelOf<Input>(
  platform: ModelPlatform<Input>,
  source: ModelSource,
  execution: ExecutionOptions = {},
  int8?: KnownQuantisation,
): Promise<Model<Input>> {
  const { description } = source;
  const { config, preprocessing, provenance } = description;
  const described = int8
    ? { ...description, provenance: { ...provenance, precision: int8.origin } }
    : description;
  const { inputSize } = preprocessing;
  const classes = await classesOf(description);
  return new Model(described, classes, platform.itemOf, (computation, images, signal) =>
    openGraphPipeline(platform, source, execution, {
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

function openExported<Input>(
  platform: ModelPlatform<Input>,
  file: string,
  options: CreateModelOptions,
): Promise<Model<Input>> {
  if (options.precision === undefined) return openOnnxModel(platform, file, options);
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

/**
 * Opens an ONNX model that `exportOnnx` wrote, to classify or embed with: its graph runs as it is, in the
 * precision it was exported in.
 *
 * @throws GraphError `graph/not-onnx`; ModelError `model/not-described` for a model of other origin,
 *   `model/fixed-graph` for options that would need another graph.
 */
async function openOnnxModel<Input>(
  platform: ModelPlatform<Input>,
  path: string,
  options: ModelOptions & ExecutionOptions,
): Promise<Model<Input>> {
  const exported = readModelInterface(await readBytes(platform.storageFor(path), path), path);
  const described = decodeDescription(exported.metadata, path);
  if (!described) {
    throw new ModelError(
      "model/not-described",
      `${path} does not say what model it is: only files that \`ssl-resnext export\` wrote are opened.`,
    );
  }
  checkInput(path, exported, described.preprocessing);
  const description = overrideExported(path, described, options);
  const classes = await classesOf(description);
  return new Model(description, classes, platform.itemOf, (computation, images, signal) => {
    if ("explains" in computation) {
      throw new ModelError(
        "model/fixed-graph",
        `${path} holds no gradients, which an explanation needs: open the weights that it was exported from.`,
      );
    }
    checkOutputs(path, exported, computation);
    return openExportedPipeline(
      platform,
      path,
      description.preprocessing,
      options,
      computation,
      images,
      signal,
    );
  });
}

async function openExportedPipeline(
  platform: ModelPlatform,
  path: string,
  preprocessing: Preprocessing,
  { device = "cpu", plan: overrides = {}, decode }: ExecutionOptions,
  outputs: readonly InferenceOutput[],
  images: number | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedPipeline> {
  const storage = platform.storageFor(path);
  const plan = planExecution(
    {
      ...platform.machine(),
      // A session packs the weights anew, whatever the file holds.
      modelBytes: 2 * (await weightBytes(storage, path)),
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    overrides,
  );
  const pipeline = await createImagePipeline(platform, {
    model: storage.path(path) ?? (await readBytes(storage, path)),
    preprocessing,
    plan,
    device,
    outputs,
    ...(decode ? { decode } : {}),
    ...(signal ? { signal } : {}),
  });
  return { pipeline, plan };
}

/** Bytes of the model, and of the data beside it if its weights lie there. */
async function weightBytes(storage: Storage, path: string): Promise<number> {
  const files = await Promise.allSettled([path, `${path}.data`].map((file) => storage.stat(file)));
  return files.reduce((sum, file) => sum + (file.status === "fulfilled" ? (file.value?.size ?? 0) : 0), 0);
}

function checkInput(path: string, { inputs }: ModelInterface, { inputSize }: Preprocessing): void {
  const [images] = inputs;
  const fits =
    inputs.length === 1 &&
    images?.dtype === "float32" &&
    images.shape.slice(1).join() === [3, inputSize, inputSize].join();
  if (fits) return;
  const found = inputs.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(", ")}]`).join(", ");
  throw new ModelError(
    "model/fixed-graph",
    `${path} takes ${found}; what is opened here takes float32[N, 3, ${inputSize}, ${inputSize}]. ` +
      `Export without preprocessing, from a model of colour images.`,
  );
}

function checkOutputs(path: string, { outputs }: ModelInterface, wanted: readonly InferenceOutput[]): void {
  const names = outputs.map(({ name }) => name);
  const missing = wanted.filter((name) => !names.includes(name));
  if (missing.length === 0) return;
  throw new ModelError(
    "model/unknown-output",
    `${path} gives ${names.join(", ")}, not ${missing.join(", ")}; export it with all outputs that you need.`,
  );
}

/** Names of classes and the way images are cropped may change; the rest is written into the graph. */
function overrideExported(
  path: string,
  described: ModelDescription,
  options: ModelOptions,
): ModelDescription {
  const { numClasses, inChannels, outputStride, preprocessing = {}, classes } = options;
  const { config } = described;
  const asked: readonly (readonly [string, number | undefined, number])[] = [
    ["numClasses", numClasses, config.numClasses],
    ["inChannels", inChannels, config.inChannels],
    ["outputStride", outputStride, config.outputStride],
    ["input size", preprocessing.inputSize, described.preprocessing.inputSize],
  ];
  for (const [what, wanted, fixed] of asked) {
    if (wanted === undefined || wanted === fixed) continue;
    throw new ModelError(
      "model/fixed-graph",
      `${path} was exported with ${what} ${fixed}; it cannot run with ${wanted}. Export it anew from its weights.`,
    );
  }
  return {
    ...(classes ? withClasses(described, classes) : described),
    preprocessing: changePreprocessing(described.preprocessing, preprocessing),
  };
}
