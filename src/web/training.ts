import { UsageError } from "../core/index.ts";
import type { Storage } from "../core/storage/index.ts";
import {
  readContent,
  type ImageItem,
  type ImageSource,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "../data/index.ts";
import type { DecodeOptions } from "../image/index.ts";
import type { ModelSource } from "../predict/index.ts";
import type { Device } from "../runtime/index.ts";
import {
  openTrainingLoader as openTrainingLoaderOn,
  openTrainingStep as openTrainingStepOn,
  trainHead as trainHeadOn,
  trainModel as trainModelOn,
  type Fact,
  type HeadEvent,
  type NamedImages,
  type OpenTrainingStepOptions,
  type TrainedHead,
  type TrainHeadOptions,
  type TrainingEvent,
  type TrainingPlatform,
  type TrainingProgram,
  type TrainingStep,
  type TrainModelOptions,
} from "../train/index.ts";
import { decodeImage } from "./images/decode-image.ts";
import { folderOf, type PageImage, type PageImages } from "./images/page-images.ts";
import { imageDataOf } from "./images/pixels.ts";
import { onePerWorker, openImages, weightsUri } from "./library.ts";
import { browserPlatform } from "./platform.ts";
import { blobUri, browserStorageFor } from "./storage/browser-storage.ts";
import { cacheFolder } from "./storage/cached-file.ts";

/** What training needs of the world, in a page. */
export const browserTrainingPlatform: TrainingPlatform = {
  ...browserPlatform,
  temporaryFolder,
  thumbnail,
  machineFacts,
  // No browser says.
  peakMemory: () => undefined,
};

/** A folder that a page can write to: `opfs:` and `idb:` are kept, `memory:` is there until the page is closed. */
export type PageFolder = `${"opfs" | "idb" | "memory"}:${string}`;

/** What differs in a page: images and weights may be Files, and what comes out goes into the browser's own storages. */
interface PageTraining {
  /** Labelled images as `openImages` takes them, or what it found, with a name. */
  readonly data: PageImages | NamedImages;
  /** Validation images, of the same classes. @default a share of each class of the data, as the recipe says */
  readonly validation?: PageImages | NamedImages | undefined;
  /** Images of any content, without labels, by which mode `head` whitens the embeddings; other modes refuse them. */
  readonly unlabelled?: PageImages | NamedImages | undefined;
  /** A card's name, timm's tag, an architecture, or a weights file: a File, or its address. */
  readonly model?: string | Blob | undefined;
  /** A `.pth` or `.safetensors` file to start from. @default the published weights, where the model has some */
  readonly weights?: string | Blob | undefined;
  /** Folder for everything that the run writes. */
  readonly out: PageFolder;
  /** @default "cpu" */
  readonly device?: "cpu" | "webgpu" | undefined;
}

/** What to train, on what, how and where to. A step has one thread: others need a page that is isolated across origins. */
export type PageTrainModelOptions = Omit<TrainModelOptions, keyof PageTraining | "threads"> & PageTraining;

/**
 * Trains a network, or its last stages, or its classifier, on labelled images; all work is done in workers.
 *
 * The run's folder holds what Node's does: the resolved recipe, the history, the last and the best checkpoint, a report. A
 * page that was closed goes on with `resume` and the same images, from the last checkpoint in `opfs:` or `idb:`.
 *
 * @throws UsageError `train/out`, `train/recipe`, `train/out-exists`, `train/model`; TrainingError `train/other-run`,
 *   `train/no-checkpoint`, `train/history`, `train/not-finite`, `train/out-of-memory`; what opening images, model and
 *   device throws.
 * @example
 * const run = trainModel({ data: input.files, model: "ssl_resnext17_cifar10", out: "opfs:run" });
 * for await (const event of run) if (event.type === "epoch") console.log(event.epoch, event.valTop1);
 * const mine = await createModel("opfs:run/best.safetensors");
 */
export async function* trainModel(
  options: PageTrainModelOptions,
): AsyncGenerator<TrainingEvent, void, undefined> {
  const { data, validation, unlabelled, model, weights, ...others } = options;
  checkFolder(options.out);
  const { signal } = options;
  yield* trainModelOn(browserTrainingPlatform, {
    ...others,
    data: await namedImages(data, options),
    validation: validation && (await namedImages(validation, options)),
    unlabelled: unlabelled && (await namedImages(unlabelled, options)),
    model: model && (await weightsUri(model, signal)),
    weights: weights && (await weightsUri(weights, signal)),
    threads: 1,
  });
}

/** @throws UsageError `train/out` */
function checkFolder(out: string): void {
  if (/^(opfs|idb|memory):/i.test(out)) return;
  throw new UsageError(
    "train/out",
    `${out}: expected a folder that a page can write to. Take opfs:run, which is kept among the origin's private files ` +
      "(idb:run where there are none), or memory:run, which is there until the page is closed.",
  );
}

async function namedImages(
  data: PageImages | NamedImages,
  { imageColumn, labelColumn, signal }: Pick<TrainModelOptions, "imageColumn" | "labelColumn" | "signal">,
): Promise<NamedImages> {
  if (isNamed(data)) return { name: data.name, images: byAddress(data.images) };
  const images = await openImages(data, { imageColumn, labelColumn, signal });
  return { name: nameOf(data), images: byAddress(images) };
}

const isNamed = (data: PageImages | NamedImages): data is NamedImages =>
  typeof data === "object" && "images" in data && "name" in data;

/** What reports call the images: folders that were chosen, files and addresses by their names, the first three of them. */
function nameOf(data: PageImages): string {
  const one = typeof data === "string" || !(Symbol.iterator in data) || data instanceof Uint8Array;
  const names = new Set((one ? [data] : [...data]).map(nameOfImage));
  const shown = [...names].slice(0, 3).join(" ");
  return names.size > 3 ? `${shown} …` : shown;
}

function nameOfImage(image: PageImage): string {
  if (typeof image === "string") return image;
  if (image instanceof File) return folderOf(image) || image.name;
  return image.constructor.name;
}

/** Files by their addresses: workers read them where they lie, instead of from a copy in the temporary folder. */
function byAddress(images: ImageSource): ImageSource {
  const { splits } = images;
  return {
    classes: images.classes,
    size: images.size,
    splits: splits && {
      ...splits,
      training: byAddress(splits.training),
      validation: splits.validation && byAddress(splits.validation),
    },
    leftOut: images.leftOut,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const item of images) {
        const { content } = item;
        yield "blob" in content ? { ...item, content: { path: blobUri(content.blob) } } : item;
      }
    },
  };
}

/**
 * Trains the classifier of a network whose other weights stay as they are: every image is embedded once, and the classifier is
 * fitted by logistic regression. Embeddings are kept for the next time, in the origin's private files.
 *
 * @param source The network, with a classifier for these classes, whose weights are not looked at.
 * @returns The network with the new classifier.
 * @throws ModelError `model/class-names`; DataError `data/unlabelled`, `data/empty-classes`; what running the model throws.
 */
export function trainHead(
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, TrainedHead, undefined> {
  return trainHeadOn(browserTrainingPlatform, source, images, {
    ...options,
    plan: onePerWorker(options.plan),
  });
}

/**
 * Opens a data set for training: walks it once, numbers its classes, and starts the workers that make its batches.
 *
 * Images that can only be read in order where they are, in Parquet tables and compressed archives, are copied once to a
 * temporary folder of the origin's private files.
 *
 * @throws as Node's; DataError `data/permission`, `data/disk-full` where there is no room for the copy
 */
export function openTrainingLoader(
  source: ImageSource,
  options: TrainingLoaderOptions,
): Promise<TrainingLoader> {
  return openTrainingLoaderOn(browserTrainingPlatform, byAddress(source), options);
}

/**
 * Opens a training program in a worker of its own: `cpu` is WebAssembly, and `webgpu` the browser's GPU, where the state
 * stays from step to step. The program is one in ONNX's own operators, without a block size.
 *
 * @param options.threads See `createSession`. @default 1
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`; WeightsError
 *   `weights/mismatch` for a state of another program; UsageError `train/no-flat-gradients`; the signal's reason.
 */
export function openTrainingStep(
  program: TrainingProgram,
  options: OpenTrainingStepOptions,
): Promise<TrainingStep> {
  return openTrainingStepOn(browserTrainingPlatform, program, { threads: 1, ...options });
}

/** Makes a folder among the origin's private files, and removes those that pages have left that were closed at work. */
async function temporaryFolder(): Promise<string> {
  const storage = browserStorageFor(cacheFolder);
  const all = storage.join(cacheFolder, "temporary");
  await storage.makeFolder(all);
  for await (const { name } of storage.list(all)) await removeLeftBehind(storage, storage.join(all, name));
  const folder = storage.join(all, crypto.randomUUID());
  // Held until the page is closed, whatever becomes of it.
  await storage.lock(folder);
  await storage.makeFolder(folder);
  return folder;
}

/** Removes a folder unless a page is still at work in it. */
async function removeLeftBehind(storage: Storage, folder: string): Promise<void> {
  const held = new AbortController();
  try {
    const unlock = await storage.lock(folder, { signal: held.signal, onWait: () => held.abort() });
    await storage.remove(folder);
    await unlock();
  } catch (error) {
    if (!held.signal.aborted) throw error;
  }
}

const thumbnailSide = 128;

async function thumbnail(item: ImageItem, decode: DecodeOptions): Promise<string | undefined> {
  const image = await readContent(browserStorageFor, item)
    .then((bytes) => decodeImage(bytes, decode))
    .catch(() => undefined);
  if (!image) return undefined;
  const scale = thumbnailSide / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = await createImageBitmap(imageDataOf(image), {
    resizeWidth: width!,
    resizeHeight: height!,
    resizeQuality: "high",
  });
  const canvas = new OffscreenCanvas(width!, height!);
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(small);
  const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.75 });
  return `data:image/jpeg;base64,${btoa(String.fromCharCode(...new Uint8Array(await jpeg.arrayBuffer())))}`;
}

/** What a run ran on. */
function machineFacts(device: Device): readonly Fact[] {
  const { cores } = browserPlatform.machine();
  return [
    { name: "browser", value: navigator.userAgent },
    { name: "cores", value: cores },
    { name: "device", value: device === "cpu" ? "cpu (WebAssembly)" : device },
  ];
}
