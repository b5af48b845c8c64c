import { elementCount, SessionError, type Tensor } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { DecodeImage, DecodeOptions } from "../../image/decode-image.ts";
import { describeImage, type ImageFacts } from "../../image/describe-image.ts";
import { evalCrop } from "../../image/eval-crop.ts";
import { normaliseGrey, toGrey } from "../../image/grey.ts";
import { imageFormat } from "../../image/image-format.ts";
import { exifOrientation } from "../../image/image-header.ts";
import { normalise } from "../../image/normalise.ts";
import type { Preprocessing } from "../../image/preprocessing.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import type { EngineSession, OpenEngineSession, Tensors } from "../../runtime/engine-session.ts";
import type { ImageFeeds, SessionRequest } from "../../runtime/session.ts";
import type { Answer, Call, Methods } from "../../runtime/thread-calls.ts";

// Not from the indices of the folders: they would load all of them into each worker.
/** How a worker opens a model and runs it over images. */
export interface OpenPipelineRequest extends SessionRequest, RunBatchOptions {
  readonly batchSize: number;
  readonly decode: DecodeOptions;
  /** Whether answers say what the image file is. */
  readonly describe: boolean;
}

export interface ImageRequest extends Pick<ImageItem, "content"> {
  readonly feeds: ImageFeeds;
}

/** What a platform gives its worker for images. */
export interface ImageWorkerParts {
  readonly openSession: OpenEngineSession;
  /** The encoded bytes of an image. @throws DataError */
  readonly read: (item: Pick<ImageItem, "content">) => Promise<Uint8Array>;
  readonly decodeImage: DecodeImage;
  /** One turn of the event loop, in which messages come in. */
  readonly nextTurn: () => Promise<void>;
}

interface Waiting {
  readonly feeds: ImageFeeds;
  readonly crop: Promise<Crop>;
  readonly call: Call;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** What the model sees of an image. */
interface Crop {
  readonly pixels: RgbImage;
  readonly unturned: boolean;
  readonly facts: ImageFacts | undefined;
}

/** What comes of an image. */
export interface ImageAnswer {
  readonly outputs: Outputs;
  /** Whether its EXIF orientation says that it is to be turned, and it was not. */
  readonly unturned: boolean;
  /** What the file is, where that was asked for. */
  readonly facts: ImageFacts | undefined;
}

/**
 * The worker that runs the whole pipeline for its share of the images: read, decode, crop, normalise, run.
 *
 * Images are read and decoded as they come, while the engine runs those before them: where that takes place on other
 * threads, as on libuv's in Node, the next photographs are ready when a run ends.
 */
export function imageWorker(parts: ImageWorkerParts): Methods {
  const { openSession, read, decodeImage, nextTurn } = parts;
  let opened: { readonly request: OpenPipelineRequest; readonly runBatch: RunBatch } | undefined;
  const waiting: Waiting[] = [];
  let draining = false;

  const pipeline = (): NonNullable<typeof opened> => {
    if (!opened) throw new SessionError("runtime/run-failed", "Images were sent before a model was opened.");
    return opened;
  };

  const cropOf = async (content: ImageItem["content"]): Promise<Crop> => {
    const { preprocessing, decode, form, channels, describe } = pipeline().request;
    const bytes = await read({ content });
    const image = await decodeImage(bytes, decode);
    const pixels =
      form === "normalised" ? evalCrop(channels === 1 ? toGrey(image) : image, preprocessing) : image;
    const isTurned = decode.exifOrientation === true;
    return {
      pixels,
      unturned: !isTurned && saysToTurn(bytes),
      facts: describe ? describeImage(bytes, image, isTurned) : undefined,
    };
  };

  const drain = async (): Promise<void> => {
    draining = true;
    while (waiting.length > 0) {
      // What came during the last run is seen: images, and aborts.
      await nextTurn();
      await answerBatch(waiting.splice(0, pipeline().request.batchSize), pipeline().runBatch);
    }
    draining = false;
  };

  return {
    async open(request: OpenPipelineRequest): Promise<Answer> {
      // A model that prepares images itself takes one at a time.
      const batchSize = request.form === "normalised" ? request.batchSize : undefined;
      opened = { request, runBatch: batchRunner(await openSession({ ...request, batchSize }), request) };
      return { value: undefined };
    },
    image({ content, feeds }: ImageRequest, call: Call): Promise<Answer> {
      const crop = cropOf(content);
      // It is awaited when its turn comes; a failure before that is no unhandled rejection.
      crop.catch(() => undefined);
      return new Promise((resolve, reject) => {
        waiting.push({ crop, feeds, call, resolve, reject });
        if (!draining) void drain();
      });
    },
  };
}

function saysToTurn(bytes: Uint8Array): boolean {
  const format = imageFormat(bytes);
  return format !== undefined && exifOrientation(format, bytes) !== 1;
}

async function answerBatch(batch: readonly Waiting[], runBatch: RunBatch): Promise<void> {
  const ready: (Waiting & Crop)[] = [];
  for (const next of batch) {
    if (next.call.cancelled) {
      next.resolve({ value: undefined });
      continue;
    }
    try {
      ready.push({ ...next, ...(await next.crop) });
    } catch (error) {
      next.reject(error);
    }
  }
  if (ready.length === 0) return;
  try {
    const results = await runBatch(ready);
    ready.forEach(({ resolve, unturned, facts }, index) => {
      const outputs = results[index]!;
      const value: ImageAnswer = { outputs, unturned, facts };
      resolve({ value, transfer: Object.values(outputs).map(({ data }) => data.buffer) });
    });
  } catch (error) {
    for (const { reject } of ready) reject(error);
  }
}

/** What the model makes of one image, by output name, without the batch dimension. */
type Outputs = Readonly<Record<string, Tensor<"float32">>>;

/** A crop, and what goes in with it. */
interface BatchImage {
  readonly pixels: RgbImage;
  readonly feeds: ImageFeeds;
}

/** Runs the model over up to `batchSize` images; every run reads its input from the same memory. */
type RunBatch = (images: readonly BatchImage[]) => Promise<readonly Outputs[]>;

/**
 * How images go into a model: `normalised` float32 [N, channels, side, side], cropped and normalised; else one image as it is,
 * of any size, with values from 0 to 255: `bytes` uint8 [height, width, 3], `planes` float32 [1, 3, height, width].
 */
export type ImageForm = "normalised" | "bytes" | "planes";

interface RunBatchOptions {
  readonly preprocessing: Preprocessing;
  readonly form: ImageForm;
  /** Channels of normalised images: 3 for colours, 1 for grey. */
  readonly channels: number;
  readonly batchSize: number;
  /** All of the model's when undefined. */
  readonly outputs: readonly string[] | undefined;
}

/** @throws SessionError `runtime/run-failed`, `runtime/out-of-memory`. */
function batchRunner(session: EngineSession, options: RunBatchOptions): RunBatch {
  const { preprocessing, batchSize, form, channels } = options;
  const outputs = options.outputs ?? session.outputNames;
  if (form !== "normalised") return wholeImageRunner(session, form, outputs);
  const imageDims = [channels, preprocessing.inputSize, preprocessing.inputSize];
  const imageLength = elementCount(imageDims);
  const input = new Float32Array(batchSize * imageLength);
  const [inputName, ...others] = session.inputNames as [string, ...string[]];

  const write = (pixels: RgbImage, offset: number): void =>
    channels === 1
      ? normaliseGrey(pixels, preprocessing, input, offset)
      : normalise(pixels, preprocessing, input, offset);
  return async (images) => {
    images.forEach(({ pixels }, index) => write(pixels, index * imageLength));
    // A model that is made for one batch size gets whole batches; what is missing in the last one is thrown away.
    const rows = session.batch === undefined ? images.length : batchSize;
    const pixels: Tensor = {
      dtype: "float32",
      dims: [rows, ...imageDims],
      data: input.subarray(0, rows * imageLength),
    };
    const feeds = Object.fromEntries(others.map((name) => [name, stacked(name, images, rows)]));
    const results = await session.run({ [inputName]: pixels, ...feeds }, outputs);
    return images.map((_, index) => outputsOf(results, index));
  };
}

/** Runs a model that prepares images itself, one after another. */
function wholeImageRunner(
  session: EngineSession,
  form: Exclude<ImageForm, "normalised">,
  outputs: readonly string[],
): RunBatch {
  const [inputName] = session.inputNames as [string, ...string[]];
  const tensorOf = ({ width, height, data }: RgbImage): Tensor =>
    form === "bytes"
      ? { dtype: "uint8", dims: [height, width, 3], data: data as Uint8Array<ArrayBuffer> }
      : { dtype: "float32", dims: [1, 3, height, width], data: planesOf(data) };
  return async (images) => {
    const answers: Outputs[] = [];
    for (const { pixels } of images) {
      answers.push(outputsOf(await session.run({ [inputName]: tensorOf(pixels) }, outputs), 0));
    }
    return answers;
  };
}

/** The bytes of an image, red first, then green, then blue. */
function planesOf(data: Uint8Array): Float32Array<ArrayBuffer> {
  const pixels = data.length / 3;
  const planes = new Float32Array(data.length);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < pixels; i++) planes[channel * pixels + i] = data[3 * i + channel]!;
  }
  return planes;
}

/** One further input of all images of the batch; zeros for rows without image. */
function stacked(name: string, images: readonly BatchImage[], rows: number): Tensor {
  const dims = images[0]?.feeds[name]?.dims ?? [];
  const length = elementCount(dims);
  const data = new Float32Array(rows * length);
  images.forEach(({ feeds }, index) => data.set(feeds[name]?.data ?? [], index * length));
  return { dtype: "float32", dims: [rows, ...dims], data };
}

/** The outputs of one image of the batch, copied to memory of their own that can move to another thread. */
function outputsOf(results: Tensors, index: number): Outputs {
  const outputs: Record<string, Tensor<"float32">> = {};
  for (const [name, result] of Object.entries(results)) {
    const dims = result.dims.slice(1);
    const length = elementCount(dims);
    const data = (result.data as Float32Array<ArrayBuffer>).slice(index * length, (index + 1) * length);
    outputs[name] = { dtype: "float32", dims, data };
  }
  return outputs;
}
