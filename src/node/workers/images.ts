import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import sharp from "sharp";
import { elementCount, SessionError, type Tensor } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import { contentReader } from "../../data/sources/content-reader.ts";
import type { DecodeOptions } from "../../image/decode-image.ts";
import { evalCrop } from "../../image/eval-crop.ts";
import { normalise } from "../../image/normalise.ts";
import type { Preprocessing } from "../../image/preprocessing.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { runFailed, type ImageFeeds } from "../../runtime/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { decodeImage } from "../images/decode-image.ts";
import type { BlockSizeCheck } from "../onnx/block-size.ts";
import { onnxRuntime, openInferenceSession, type OpenRequest } from "../onnx/onnx-runtime.ts";
import { answerCalls, type Answer, type Call } from "../threads/answer-calls.ts";

/**
 * The worker thread that runs the whole pipeline for its share of the images: read, decode, crop, normalise,
 * run. Reading and decoding take place on libuv's threads while ONNX Runtime blocks this one, so that the
 * next photographs are ready when a run ends.
 */
export interface OpenPipelineRequest extends OpenRequest, RunBatchOptions {
  readonly decode: DecodeOptions;
}

export interface ImageRequest extends Pick<ImageItem, "content"> {
  readonly feeds: ImageFeeds;
}

// Photographs are the unit of parallel work; libvips' own threads would only compete with the sessions, and
// its cache would keep images that are never asked for again. Both settings hold for the whole process.
sharp.concurrency(1);
sharp.cache(false);

let opened: { readonly request: OpenPipelineRequest; readonly runBatch: RunBatch } | undefined;
const reader = contentReader(nodeStorageFor);

async function open(request: OpenPipelineRequest): Promise<Answer> {
  opened = { request, runBatch: batchRunner(await openInferenceSession(request), request) };
  return { value: undefined };
}

interface Waiting {
  readonly feeds: ImageFeeds;
  readonly crop: Promise<RgbImage>;
  readonly call: Call;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const waiting: Waiting[] = [];
let draining = false;

function image({ content, feeds }: ImageRequest, call: Call): Promise<Answer> {
  const crop = cropOf(content);
  // It is awaited when its turn comes; a failure before that is no unhandled rejection.
  crop.catch(() => undefined);
  return new Promise((resolve, reject) => {
    waiting.push({ crop, feeds, call, resolve, reject });
    if (!draining) void drain();
  });
}

async function cropOf(content: ImageItem["content"]): Promise<RgbImage> {
  const { preprocessing, decode } = pipeline().request;
  const bytes = await reader.read({ content });
  return evalCrop(await decodeImage(bytes, decode), preprocessing);
}

async function drain(): Promise<void> {
  draining = true;
  while (waiting.length > 0) {
    // One turn of the event loop, so that what came during the last run is seen: images, and aborts.
    await new Promise((resolve) => setImmediate(resolve));
    await answerBatch(waiting.splice(0, pipeline().request.batchSize));
  }
  draining = false;
}

async function answerBatch(batch: readonly Waiting[]): Promise<void> {
  const ready: (Waiting & { readonly pixels: RgbImage })[] = [];
  for (const next of batch) {
    if (next.call.cancelled) {
      next.resolve({ value: undefined });
      continue;
    }
    try {
      ready.push({ ...next, pixels: await next.crop });
    } catch (error) {
      next.reject(error);
    }
  }
  if (ready.length === 0) return;
  try {
    const results = await pipeline().runBatch(ready);
    ready.forEach(({ resolve }, index) => {
      const outputs = results[index]!;
      resolve({ value: outputs, transfer: Object.values(outputs).map(({ data }) => data.buffer) });
    });
  } catch (error) {
    for (const { reject } of ready) reject(error);
  }
}

function pipeline(): NonNullable<typeof opened> {
  if (!opened) throw new SessionError("runtime/run-failed", "Images were sent before a model was opened.");
  return opened;
}

answerCalls({
  open,
  image,
  blockSize: async (checks: readonly BlockSizeCheck[]) => ({ value: await findBlockSize(checks) }),
});

/** What the model makes of one image, by output name, without the batch dimension. */
export type Outputs = Readonly<Record<string, Tensor<"float32">>>;

/** A crop, and what goes in with it. */
interface BatchImage {
  readonly pixels: RgbImage;
  readonly feeds: ImageFeeds;
}

/** Runs the model over up to `batchSize` images; every run reads its input from the same memory. */
type RunBatch = (images: readonly BatchImage[]) => Promise<readonly Outputs[]>;

interface RunBatchOptions {
  readonly preprocessing: Preprocessing;
  readonly batchSize: number;
  /** All of the model's when undefined. */
  readonly outputs: readonly string[] | undefined;
}

/** @throws SessionError `runtime/run-failed`, `runtime/out-of-memory`. */
function batchRunner(
  session: InferenceSession,
  { preprocessing, batchSize, outputs }: RunBatchOptions,
): RunBatch {
  const imageDims = [3, preprocessing.inputSize, preprocessing.inputSize];
  const imageLength = elementCount(imageDims);
  const input = new Float32Array(batchSize * imageLength);
  const [inputName, ...others] = session.inputNames as [string, ...string[]];
  const outputNames = [...(outputs ?? session.outputNames)];
  const [described] = session.inputMetadata;
  // A model that is made for one batch size gets whole batches; what is missing in the last one is thrown away.
  const always = described?.isTensor && typeof described.shape[0] === "number" ? batchSize : undefined;

  return async (images) => {
    images.forEach(({ pixels }, index) => normalise(pixels, preprocessing, input, index * imageLength));
    const rows = always ?? images.length;
    const pixels = new onnxRuntime.Tensor("float32", input.subarray(0, rows * imageLength), [
      rows,
      ...imageDims,
    ]);
    const feeds = Object.fromEntries(others.map((name) => [name, stacked(name, images, rows)]));
    try {
      const results = await session.run({ [inputName]: pixels, ...feeds }, outputNames);
      return images.map((_, index) => outputsOf(results, index));
    } catch (error) {
      throw runFailed(error);
    }
  };
}

/** One further input of all images of the batch; zeros for rows without image. */
function stacked(name: string, images: readonly BatchImage[], rows: number): OrtTensor {
  const dims = images[0]?.feeds[name]?.dims ?? [];
  const length = elementCount(dims);
  const data = new Float32Array(rows * length);
  images.forEach(({ feeds }, index) => data.set(feeds[name]?.data ?? [], index * length));
  return new onnxRuntime.Tensor("float32", data, [rows, ...dims]);
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

type CheckResults = Readonly<Record<string, Float32Array>>;

/** The first block size that computes in every check what the reference does. */
async function findBlockSize(checks: readonly BlockSizeCheck[]): Promise<number | undefined> {
  for (const { blockSize } of checks[0]?.candidates ?? []) {
    if (await agreesInAll(checks, blockSize)) return blockSize;
  }
  return undefined;
}

/** In their order, and no further than the first that does not agree: later ones are of more kernels. */
async function agreesInAll(checks: readonly BlockSizeCheck[], blockSize: number): Promise<boolean> {
  for (const { feeds, reference, candidates } of checks) {
    const candidate = candidates.find((each) => each.blockSize === blockSize);
    const expected = await runCheck(reference, feeds);
    const found = candidate && (await runCheck(candidate.model, feeds));
    if (!expected || !found || !agree(found, expected)) return false;
  }
  return true;
}

function agree(found: CheckResults, expected: CheckResults): boolean {
  return Object.entries(expected).every(([name, values]) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return values.every((value, index) => Math.abs(value - found[name]![index]!) <= 1e-4 * largest);
  });
}

async function runCheck(
  model: Uint8Array,
  feeds: BlockSizeCheck["feeds"],
): Promise<CheckResults | undefined> {
  try {
    const session = await onnxRuntime.InferenceSession.create(model, { intraOpNumThreads: 1 });
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => [
      name,
      new onnxRuntime.Tensor("float32", data, dims),
    ]);
    const results = await session.run(Object.fromEntries(tensors));
    await session.release();
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
    );
  } catch {
    // A runtime that does not know the operators refuses the model.
    return undefined;
  }
}
