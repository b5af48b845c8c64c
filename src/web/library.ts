import { openImages as openImagesOn, type ImageSource, type OpenImagesOptions } from "../data/index.ts";
import {
  createModel as createModelOn,
  exportOnnx as exportOnnxOn,
  exportSafetensors as exportSafetensorsOn,
  modelOf as modelOn,
  openModel as openModelOn,
  type CalibrateOptions,
  type Calibration,
  type CreateModelOptions,
  type ExecutionOptions,
  type ExportOnnxOptions,
  type ExportOptions,
  type Model,
  type ModelOptions,
  type ModelSource,
} from "../predict/index.ts";
import type { PlanOverrides } from "../runtime/index.ts";
import { imagesOf, type PageImage, type PageImages } from "./images/page-images.ts";
import { browserPlatform, startAhead } from "./platform.ts";
import { blobUri } from "./storage/browser-storage.ts";
import { fetchedFile } from "./storage/cached-file.ts";

/** What a page changes about the options of a model: weights may be a File too. */
interface PageWeights {
  /**
   * A `.pth`, `.safetensors` or `.onnx` file: a File or Blob, or its address, which is fetched once and kept.
   *
   * @default the published weights
   */
  readonly weights?: string | Blob | undefined;
}

export type PageModelOptions = Omit<ModelOptions, "weights"> & PageWeights;
export type PageCreateModelOptions = Omit<CreateModelOptions, "weights"> & PageWeights;

/**
 * Opens a model for inference. It runs in workers, one for each core as far as memory goes, and never on the page's thread.
 *
 * @param model A card's name (`ssl_resnext50_32x4d`), timm's tag, the embedded model's name (`ssl_resnext17_cifar10`), an
 *   architecture, or a weights file or exported ONNX file: its address, or a File.
 * @throws ModelError, DataError, WeightsError, SessionError.
 * @example
 * const model = await createModel("ssl_resnext17_cifar10");
 * const predictions = await model.classify(document.querySelector("img"));
 */
export async function createModel(
  model: string | Blob,
  options: PageCreateModelOptions = {},
): Promise<Model<PageImage>> {
  startAhead(options.device);
  const { name, rest } = await located(model, options);
  return createModelOn(browserPlatform, name, { ...rest, plan: onePerWorker(options.plan) });
}

/** ONNX Runtime's threads need a page that is isolated across origins; workers are faster anyway. */
export const onePerWorker = (plan: ExecutionOptions["plan"] = {}): PlanOverrides => ({
  threadsPerWorker: 1,
  ...plan,
});

/**
 * A model for inference of weights that are at hand, such as those that `trainHead` gives.
 *
 * @example
 * const mine = await modelOf(trained);
 */
export const modelOf = (source: ModelSource, options: ExecutionOptions = {}): Promise<Model<PageImage>> =>
  modelOn(browserPlatform, source, { ...options, plan: onePerWorker(options.plan) });

/** Finds a model by name or by file, as `createModel` takes it. @throws ModelError, DataError, WeightsError. */
export async function openModel(model: string | Blob, options: PageModelOptions = {}): Promise<ModelSource> {
  const { name, rest } = await located(model, options);
  return openModelOn(browserPlatform, name, rest);
}

/** Puts addresses and Files in the place where the weights can be read again and again. */
async function located<Options extends PageModelOptions>(
  model: string | Blob,
  { weights, ...others }: Options,
): Promise<{
  readonly name: string;
  readonly rest: Omit<Options, "weights"> & Pick<ModelOptions, "weights">;
}> {
  return {
    name: await weightsUri(model, others.signal),
    rest: weights === undefined ? others : { ...others, weights: await weightsUri(weights, others.signal) },
  };
}

/** Where a weights file can be read again and again: a File in its place, an address fetched. Names of models stay. */
export async function weightsUri(file: string | Blob, signal: AbortSignal | undefined): Promise<string> {
  if (typeof file !== "string") return blobUri(file);
  return isAddress(file) ? fetchedFile(absolute(file), signal) : file;
}

/** Names of models have no slashes, and no ending of a file. */
const isAddress = (file: string): boolean =>
  !/^(blob|data|opfs|idb|memory):/i.test(file) && /[/]|\.(pth|pt|bin|tar|ckpt|safetensors|onnx)$/i.test(file);

const absolute = (address: string): string => new URL(address, document.baseURI).href;

/**
 * Finds the images of one or more inputs, in their order: Files and Blobs, addresses, elements and objects that have pixels,
 * and `.tar`, `.tar.gz` and `.parquet` as Files or addresses. Of a folder that was chosen with `<input webkitdirectory>`,
 * the folders inside it are the classes.
 *
 * @throws DataError when an archive or table cannot be read, or when there are no images at all
 */
export function openImages(inputs: PageImages, options: OpenImagesOptions = {}): Promise<ImageSource> {
  return imagesOf(inputs, (names) => openImagesOn(browserPlatform, names, options));
}

/**
 * Measures the ranges of a model's activations, in float32 on the CPU: once, for any number of exports and models.
 *
 * @throws DataError `data/no-images`, `data/too-few-images`; SessionError `runtime/not-finite`.
 */
export async function calibrateModel(
  source: ModelSource,
  images: PageImages | ImageSource,
  options: CalibrateOptions & Pick<ExecutionOptions, "engine" | "decode"> = {},
): Promise<Calibration> {
  const found = isSource(images) ? images : await openImages(images);
  // Loaded when the first is calibrated.
  const { calibrateModel: calibrateModelOn } = await import("../predict/int8/calibrate.ts");
  return calibrateModelOn(browserPlatform, source, found, options);
}

const isSource = (images: PageImages | ImageSource): images is ImageSource =>
  typeof images === "object" && Symbol.asyncIterator in images;

/**
 * Writes a model as ONNX (operator set 18), batch normalisation folded; its description goes along as metadata.
 *
 * @param path A name in the browser's storages, as `opfs:model.onnx`. @default none: a Blob, to offer for download
 * @throws GraphError `graph/too-large`; UsageError `usage/no-calibration`, and what `calibrateModel` throws.
 */
export function exportOnnx(model: ModelSource, path: string, options?: ExportOnnxOptions): Promise<void>;
export function exportOnnx(model: ModelSource, path?: undefined, options?: ExportOnnxOptions): Promise<Blob>;
export function exportOnnx(
  model: ModelSource,
  path?: string,
  options: ExportOnnxOptions = {},
): Promise<Blob | void> {
  return exported(path, (file) => exportOnnxOn(browserPlatform, model, file, options));
}

/** Writes a model as one safetensors file that carries its description: all that inference needs. See `exportOnnx`. */
export function exportSafetensors(model: ModelSource, path: string, options?: ExportOptions): Promise<void>;
export function exportSafetensors(
  model: ModelSource,
  path?: undefined,
  options?: ExportOptions,
): Promise<Blob>;
export function exportSafetensors(
  model: ModelSource,
  path?: string,
  options: ExportOptions = {},
): Promise<Blob | void> {
  return exported(path, (file) => exportSafetensorsOn(browserPlatform, model, file, options));
}

/** Writes a file; without a name, to a place of its own in memory, from where it comes back as a Blob. */
async function exported(
  path: string | undefined,
  write: (file: string) => Promise<void>,
): Promise<Blob | void> {
  if (path !== undefined) return write(path);
  const file = `memory:${crypto.randomUUID()}`;
  const storage = browserPlatform.storageFor(file);
  try {
    await write(file);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of storage.stream(file)) chunks.push(chunk);
    return new Blob(chunks);
  } finally {
    await storage.remove(file);
  }
}
