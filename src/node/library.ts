import { openImages as openImagesOn, type ImageSource, type OpenImagesOptions } from "../data/index.ts";
import {
  calibrateModel as calibrateModelOn,
  type CalibrateOptions,
  type Calibration,
  type CalibrationImages,
} from "../predict/int8/calibrate.ts";
import { createModel as createModelOn, type CreateModelOptions } from "../predict/create-model.ts";
import {
  exportOnnx as exportOnnxOn,
  exportSafetensors as exportSafetensorsOn,
  type ExportOnnxOptions,
  type ExportOptions,
} from "../predict/export-model.ts";
import {
  exportHuggingFace as exportHuggingFaceOn,
  type ExportHuggingFaceOptions,
  type HuggingFaceFolder,
} from "../predict/huggingface/export-huggingface.ts";
import type { Model } from "../predict/model.ts";
import { openModel as openModelOn, type ModelOptions, type ModelSource } from "../predict/open-model.ts";
import type { ExecutionOptions } from "../predict/pipeline/image-pipeline.ts";
import { nodePlatform } from "./platform.ts";

/**
 * Opens a model for inference.
 *
 * Its worker threads set `sharp.concurrency(1)` and `sharp.cache(false)` when they start. libvips has one of each
 * per process: a program that uses sharp itself finds them changed, and may set them again.
 *
 * @param model A card's name (`ssl_resnext50_32x4d`), timm's tag, the embedded model's name (`ssl_resnext17_cifar10`), an
 *   architecture, `timm/NAME`, a weights file or a folder of one, or an ONNX file of any image classifier.
 * @throws ModelError, DataError, WeightsError, SessionError.
 * @example
 * const model = await createModel("ssl_resnext50_32x4d", { pretrained: true });
 * const predictions = await model.classify("dog.jpg", { topk: 5 });
 */
export function createModel(model: string, options: CreateModelOptions = {}): Promise<Model> {
  return createModelOn(nodePlatform, model, options);
}

/**
 * Finds a model by name or by file.
 *
 * @param model A card's name, timm's tag, an architecture, or the path of a weights file.
 * @throws ModelError for an unknown name; DataError for a file that cannot be opened; WeightsError when it holds no
 *   weights, or weights that do not fit.
 */
export function openModel(model: string, options: ModelOptions = {}): Promise<ModelSource> {
  return openModelOn(nodePlatform, model, options);
}

/**
 * Measures the ranges of a model's activations, in float32 on the CPU: once, for any number of exports and models.
 *
 * @throws DataError `data/no-images`, `data/too-few-images`; SessionError `runtime/not-finite`.
 * @example
 * const calibration = await calibrateModel(await openModel("mine.safetensors"), "photos/");
 */
export function calibrateModel(
  source: ModelSource,
  images: CalibrationImages,
  options: CalibrateOptions & Pick<ExecutionOptions, "engine" | "decode"> = {},
): Promise<Calibration> {
  return calibrateModelOn(nodePlatform, source, images, options);
}

/**
 * Writes a model as ONNX (operator set 18), batch normalisation folded; its description goes along as metadata.
 *
 * The file appears complete or not at all. Memory holds one tensor at a time.
 *
 * @throws GraphError `graph/too-large` when the weights do not fit into one file; UsageError
 *   `usage/no-calibration`, and what `calibrateModel` throws.
 */
export function exportOnnx(model: ModelSource, path: string, options: ExportOnnxOptions = {}): Promise<void> {
  return exportOnnxOn(nodePlatform, model, path, options);
}

/**
 * Finds the images of one or more inputs, in their order: image files, folders (of class folders or not), `.tar` and
 * `.tar.gz` archives (class folders, flat, WebDataset), Parquet tables, globs and brace ranges of these, and "-" for
 * standard input. Inputs are paths, or URLs with `https:`, `http:` or `file:`.
 *
 * An image file that does not exist is listed all the same and fails when it is read, as a broken one does.
 *
 * @throws DataError when a folder, archive or table does not exist or cannot be read, when none of the image files
 *   exists, or when there are no images at all; UsageError `usage/part` for a part of what cannot be shared out
 */
export function openImages(inputs: readonly string[], options: OpenImagesOptions = {}): Promise<ImageSource> {
  return openImagesOn(nodePlatform, inputs, options);
}

/** Writes a model as one safetensors file that carries its description: all that inference needs. */
export function exportSafetensors(
  model: ModelSource,
  path: string,
  options: ExportOptions = {},
): Promise<void> {
  return exportSafetensorsOn(nodePlatform, model, path, options);
}

/**
 * Writes a model as a folder that timm, transformers, ONNX Runtime, OpenVINO and transformers.js open: `config.json`,
 * `model.safetensors`, `model.onnx`, `README.md` and, a repository of its own, `web/`.
 *
 * The folder appears complete or not at all.
 *
 * @throws UsageError `usage/output-exists` where something other than an empty folder stands at the path; ModelError
 *   `model/channels` for a model of other than 3 or 1 channels; GraphError `graph/too-large` where the weights do not fit into
 *   one ONNX file; and what `calibrateModel` throws.
 * @example
 * await exportHuggingFace(await openModel("run/best.safetensors"), "flowers/");
 */
export function exportHuggingFace(
  model: ModelSource,
  folder: string,
  options: ExportHuggingFaceOptions = {},
): Promise<HuggingFaceFolder> {
  return exportHuggingFaceOn(nodePlatform, model, folder, options);
}
