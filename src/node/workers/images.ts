import sharp from "sharp";
import { SessionError } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import { evalCrop } from "../../image/eval-crop.ts";
import type { DecodeOptions } from "../../image/decode-image.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import type { ImageFeeds } from "../../runtime/index.ts";
import { decodeImage } from "../decode-image.ts";
import type { BlockSizeCheck } from "../block-size-probe.ts";
import { contentReader } from "../images/content-reader.ts";
import { answerCalls, type Answer, type Call } from "./answer-calls.ts";
import { findBlockSize } from "./find-block-size.ts";
import { openInferenceSession, type OpenRequest } from "./open-inference-session.ts";
import { batchRunner, type RunBatch, type RunBatchOptions } from "./run-batch.ts";

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
const reader = contentReader();

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
