import { asFloat16, type StateDict, type TensorSource } from "../core/index.ts";
import { baseName, writeBytes } from "../core/storage/index.ts";
import { convertToFloat16, encodeModel, type Graph, type HeldPrecision } from "../graph/index.ts";
import {
  encodeDescription,
  inferenceGraph,
  noClassifier,
  type ModelDescription,
  type Output,
} from "../nn/index.ts";
import { encodeSafetensors } from "../weights/index.ts";
import { refuseWithoutInt8 } from "./create-model.ts";
import { quantisationOf, type Int8Options } from "./int8/calibrate.ts";
import type { ModelPlatform, ModelSource } from "./open-model.ts";
import type { ExecutionOptions } from "./pipeline/image-pipeline.ts";
import { classesOf, classNames } from "./results.ts";

export interface ExportOptions {
  /** Type of the stored weights. @default "fp32" */
  readonly precision?: "fp32" | "fp16" | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportOnnxOptions extends Int8Options {
  /** What measures the ranges that int8 needs. @default "onnxruntime" */
  readonly engine?: ExecutionOptions["engine"];
  /**
   * What the model stores and computes in. `int8` needs `calibration`; its classifier stays float32.
   *
   * @default "fp32"
   */
  readonly precision?: HeldPrecision | undefined;
  /** Puts resize, crop and normalisation inside: the input is one RGB image uint8 [height, width, 3]. @default false */
  readonly withPreprocessing?: boolean | undefined;
  /** @default logits, or the embedding of a model without classifier */
  readonly outputs?: readonly Output[] | undefined;
  /** Writes the weights to a file `<name>.data` beside the model; needed from 2 GB on. @default false */
  readonly externalData?: boolean | undefined;
  /** Version of ONNX's operator set: 13 to 24, from 18 on with preprocessing inside. @default 18 */
  readonly opset?: number | undefined;
}

/**
 * Writes a model as ONNX (operator set 18, or another one that is asked for), batch normalisation folded; its description goes along as metadata.
 *
 * The file appears complete or not at all. Memory holds one tensor at a time.
 *
 * @throws GraphError `graph/too-large` when the weights do not fit into one file, `graph/opset`; UsageError
 *   `usage/no-calibration`, `usage/precision` for what only int8 has a use for, and what `calibrateModel` throws.
 */
export async function exportOnnx(
  platform: ModelPlatform,
  model: ModelSource,
  path: string,
  options: ExportOnnxOptions = {},
): Promise<void> {
  const { description } = model;
  const { config, preprocessing, provenance } = description;
  const { precision = "fp32", withPreprocessing = false, engine, calibration, reduceRange, signal } = options;
  refuseWithoutInt8(precision, { engine, calibration, reduceRange });
  const storage = platform.storageFor(path);
  const outputs = options.outputs ?? [config.numClasses > 0 ? "logits" : "embedding"];

  if (outputs.includes("logits") && config.numClasses === 0) throw noClassifier(description.name);
  const int8 = precision === "int8" ? await quantisationOf(platform, model, options) : undefined;

  const metadata = await onnxMetadata({
    ...description,
    provenance: { ...provenance, ...(int8 ? { precision: int8.origin } : {}) },
  });
  await model.withWeights(async (weights) => {
    const graph = inferenceGraph(config, weights, {
      outputs,
      int8,
      inputSize: preprocessing.inputSize,
      ...(withPreprocessing ? { preprocessing } : {}),
    });
    const encoded = encodeModel(precision === "fp16" ? toHalf(graph) : graph, {
      metadata,
      opset: options.opset,
      ...(options.externalData ? { externalData: `${baseName(path)}.data` } : {}),
    });
    if (options.externalData) await writeBytes(storage, `${path}.data`, encoded.weights, { signal });
    await writeBytes(storage, path, encoded.model, { signal });
  });
}

/**
 * Metadata of an ONNX file: the description, and for other programs `classes`, a JSON list of the class names in the order of the
 * logits, which are ImageNet's where the description only names them.
 */
export async function onnxMetadata(description: ModelDescription): Promise<Readonly<Record<string, string>>> {
  const classes = description.classes.length === 0 ? [] : classNames(await classesOf(description));
  return {
    ...encodeDescription(description),
    ...(classes.length === 0 ? {} : { classes: JSON.stringify(classes) }),
  };
}

/** In float16. Pixels are prepared in float32: their statistics need it, and it costs nothing. */
export function toHalf(graph: Graph): Graph {
  return convertToFloat16(graph, (node) => node.scope === "preprocessing");
}

/** Writes a model as one safetensors file that carries its description: all that inference needs. */
export async function exportSafetensors(
  { storageFor }: Pick<ModelPlatform, "storageFor">,
  model: ModelSource,
  path: string,
  { precision = "fp32", signal }: ExportOptions = {},
): Promise<void> {
  await model.withWeights(async (weights) => {
    const tensors = precision === "fp16" ? mapTensors(weights) : weights;
    const { chunks } = encodeSafetensors(tensors, encodeDescription(model.description));
    await writeBytes(storageFor(path), path, chunks, { signal });
  });
}

function mapTensors(weights: StateDict): StateDict {
  return new Map(
    [...weights].map(([name, tensor]): [string, TensorSource] => [
      name,
      tensor.dtype === "float32" ? asFloat16(tensor as TensorSource<"float32">) : tensor,
    ]),
  );
}
