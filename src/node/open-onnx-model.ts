import { readFile, stat } from "node:fs/promises";
import { ModelError } from "../core/index.ts";
import { readModelInterface, type ModelInterface } from "../graph/index.ts";
import type { Preprocessing } from "../image/index.ts";
import { decodeDescription, type ModelDescription, type InferenceOutput } from "../nn/index.ts";
import { Model, type OpenedPipeline } from "../predict/index.ts";
import { planExecution } from "../runtime/index.ts";
import { fileError } from "./file-error.ts";
import type { ExecutionOptions } from "./graph-pipeline.ts";
import { createImagePipeline } from "./image-pipeline.ts";
import { machineResources } from "./machine-resources.ts";
import { withClasses, type ModelOptions } from "./open-model.ts";

/**
 * Opens an ONNX model that `exportOnnx` wrote, to classify or embed with: its graph runs as it is, in the
 * precision it was exported in.
 *
 * @throws GraphError `graph/not-onnx`; ModelError `model/not-described` for a model of other origin,
 *   `model/fixed-graph` for options that would need another graph.
 */
export async function openOnnxModel(
  path: string,
  options: ModelOptions & ExecutionOptions = {},
): Promise<Model> {
  const exported = await readExported(path);
  const described = decodeDescription(exported.metadata, path);
  if (!described) {
    throw new ModelError(
      "model/not-described",
      `${path} does not say what model it is: only files that \`ssl-resnext export\` wrote are opened.`,
    );
  }
  checkInput(path, exported, described.preprocessing);
  const description = override(path, described, options);
  return new Model(description, (computation, images, signal) => {
    if ("explains" in computation) {
      throw new ModelError(
        "model/fixed-graph",
        `${path} holds no gradients, which an explanation needs: open the weights that it was exported from.`,
      );
    }
    checkOutputs(path, exported, computation);
    return openPipeline(path, description.preprocessing, options, computation, images, signal);
  });
}

async function readExported(path: string): Promise<ModelInterface> {
  try {
    return readModelInterface(await readFile(path), path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

async function openPipeline(
  path: string,
  preprocessing: Preprocessing,
  { device = "cpu", plan: overrides = {}, decode }: ExecutionOptions,
  outputs: readonly InferenceOutput[],
  images: number | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedPipeline> {
  const plan = planExecution(
    {
      ...machineResources(),
      // A session packs the weights anew, whatever the file holds.
      modelBytes: 2 * (await weightBytes(path)),
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    overrides,
  );
  const pipeline = await createImagePipeline({
    model: path,
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
async function weightBytes(path: string): Promise<number> {
  const [model, data] = await Promise.allSettled([stat(path), stat(`${path}.data`)]);
  return [model, data].reduce((sum, file) => sum + (file.status === "fulfilled" ? file.value.size : 0), 0);
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
function override(path: string, described: ModelDescription, options: ModelOptions): ModelDescription {
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
    preprocessing: { ...described.preprocessing, ...preprocessing },
  };
}
