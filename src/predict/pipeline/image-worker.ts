import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";
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
import { runFailed, type OnnxRuntime } from "../../runtime/onnx-runtime.ts";
import type { ImageFeeds, SessionRequest } from "../../runtime/session.ts";
import type { Answer, Call, Methods } from "../../runtime/thread-calls.ts";

// Not from the indices of the folders: they would load all of them into each worker.
/** How a worker opens a model and runs it over images. */
export interface OpenPipelineRequest extends SessionRequest, RunBatchOptions {
  readonly decode: DecodeOptions;
  /** Whether answers say what the image file is. */
  readonly describe: boolean;
}

export interface ImageRequest extends Pick<ImageItem, "content"> {
  readonly feeds: ImageFeeds;
}

/** What a platform gives its worker for images. */
export interface ImageWorkerParts {
  readonly runtime: Pick<OnnxRuntime, "Tensor">;
  /** @throws SessionError as `CreateSession` does. */
  readonly openSession: (request: SessionRequest) => Promise<InferenceSession>;
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
 * Images are read and decoded as they come, while ONNX Runtime runs those before them: where that takes place on other
 * threads, as on libuv's in Node, the next photographs are ready when a run ends.
 */
export function imageWorker(parts: ImageWorkerParts): Methods {
  const { runtime, openSession, read, decodeImage, nextTurn } = parts;
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
      opened = { request, runBatch: batchRunner(runtime, await openSession(request), request) };
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
function batchRunner(
  { Tensor }: Pick<OnnxRuntime, "Tensor">,
  session: InferenceSession,
  options: RunBatchOptions,
): RunBatch {
  const { preprocessing, batchSize, outputs, form, channels } = options;
  if (form !== "normalised") return wholeImageRunner({ Tensor }, session, form, outputs);
  const imageDims = [channels, preprocessing.inputSize, preprocessing.inputSize];
  const imageLength = elementCount(imageDims);
  const input = new Float32Array(batchSize * imageLength);
  const [inputName, ...others] = session.inputNames as [string, ...string[]];
  const outputNames = [...(outputs ?? session.outputNames)];
  const [described] = session.inputMetadata;
  // A model that is made for one batch size gets whole batches; what is missing in the last one is thrown away.
  const always = described?.isTensor && typeof described.shape[0] === "number" ? batchSize : undefined;

  const write = (pixels: RgbImage, offset: number): void =>
    channels === 1
      ? normaliseGrey(pixels, preprocessing, input, offset)
      : normalise(pixels, preprocessing, input, offset);
  return async (images) => {
    images.forEach(({ pixels }, index) => write(pixels, index * imageLength));
    const rows = always ?? images.length;
    const pixels = new Tensor("float32", input.subarray(0, rows * imageLength), [rows, ...imageDims]);
    const feeds = Object.fromEntries(others.map((name) => [name, stacked(Tensor, name, images, rows)]));
    try {
      const results = await session.run({ [inputName]: pixels, ...feeds }, outputNames);
      return images.map((_, index) => outputsOf(results, index));
    } catch (error) {
      throw runFailed(error);
    }
  };
}

/** Runs a model that prepares images itself, one after another. */
function wholeImageRunner(
  { Tensor }: Pick<OnnxRuntime, "Tensor">,
  session: InferenceSession,
  form: Exclude<ImageForm, "normalised">,
  outputs: readonly string[] | undefined,
): RunBatch {
  const [inputName] = session.inputNames as [string, ...string[]];
  const tensorOf = ({ width, height, data }: RgbImage): OrtTensor =>
    form === "bytes"
      ? new Tensor("uint8", data, [height, width, 3])
      : new Tensor("float32", planesOf(data), [1, 3, height, width]);
  return async (images) => {
    const answers: Outputs[] = [];
    try {
      for (const { pixels } of images) {
        const results = await session.run({ [inputName]: tensorOf(pixels) }, [
          ...(outputs ?? session.outputNames),
        ]);
        answers.push(outputsOf(results, 0));
      }
      return answers;
    } catch (error) {
      throw runFailed(error);
    }
  };
}

/** The bytes of an image, red first, then green, then blue. */
function planesOf(data: Uint8Array): Float32Array {
  const pixels = data.length / 3;
  const planes = new Float32Array(data.length);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < pixels; i++) planes[channel * pixels + i] = data[3 * i + channel]!;
  }
  return planes;
}

/** One further input of all images of the batch; zeros for rows without image. */
function stacked(
  Tensor: TensorConstructor,
  name: string,
  images: readonly BatchImage[],
  rows: number,
): OrtTensor {
  const dims = images[0]?.feeds[name]?.dims ?? [];
  const length = elementCount(dims);
  const data = new Float32Array(rows * length);
  images.forEach(({ feeds }, index) => data.set(feeds[name]?.data ?? [], index * length));
  return new Tensor("float32", data, [rows, ...dims]);
}

/** The outputs of one image of the batch, copied to memory of their own that can move to another thread. */
function outputsOf(results: InferenceSession.OnnxValueMapType, index: number): Outputs {
  const outputs: Record<string, Tensor<"float32">> = {};
  for (const [name, result] of Object.entries(results)) {
    const dims = result.dims.slice(1);
    const length = elementCount(dims);
    const data = (result.data as Float32Array<ArrayBuffer>).slice(index * length, (index + 1) * length);
    outputs[name] = { dtype: "float32", dims, data };
  }
  return outputs;
}
