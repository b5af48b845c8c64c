import sharp from "sharp";
import { SessionError } from "../../core/index.ts";
import { indexedImage } from "../../data/loader/image-index.ts";
import type { BatchArrays } from "../../data/loader/training-loader.ts";
import { contentReader } from "../images/content-reader.ts";
import { decodeImage } from "../images/decode-image.ts";
import { makeBatch, type BatchRequest, type BatchSettings } from "../loader/make-batch.ts";
import type { Answer, Call } from "../../runtime/thread-calls.ts";
import { answerCalls } from "../threads/answer-calls.ts";

/** The worker thread that makes whole batches for training. */

// As in the worker that runs models: images are the unit of parallel work. Both settings hold for the whole process.
sharp.concurrency(1);
sharp.cache(false);

/** The data set, and the images of it whose decoded size is asked for. */
export type MeasureRequest = Pick<BatchSettings, "index" | "decode"> & { readonly images: readonly number[] };

let settings: BatchSettings | undefined;
const reader = contentReader();
const spare: BatchArrays[] = [];
/** A batch is made while the one before is with the consumer. */
const mostSpare = 2;
const underWay = new Set<Promise<unknown>>();

/** Decoded bytes of each image that can be read. */
async function measure({ index, decode, images }: MeasureRequest): Promise<Answer> {
  const sizes: number[] = [];
  for (const image of images) {
    try {
      const { data } = await decodeImage(await reader.read(indexedImage(index, image)), decode);
      sizes.push(data.length);
    } catch {
      // A broken image tells nothing of the size of others; it is named when a batch would hold it.
    }
  }
  return { value: sizes };
}

function open(request: BatchSettings): Promise<Answer> {
  settings = request;
  return Promise.resolve({ value: undefined });
}

async function batch(request: BatchRequest, call: Call): Promise<Answer> {
  if (!settings)
    throw new SessionError("runtime/run-failed", "A batch was asked for before a data set was opened.");
  const making = makeBatch(settings, request, reader, call, spare);
  underWay.add(making);
  try {
    const value = await making;
    return value ? { value, transfer: [value.images.buffer, value.targets.buffer] } : { value };
  } finally {
    underWay.delete(making);
  }
}

/** Takes back the arrays of a batch that was made here. */
function keep(arrays: BatchArrays): Promise<Answer> {
  if (spare.length < mostSpare) spare.push(arrays);
  return Promise.resolve({ value: undefined });
}

/** Settles when no batch is under way: ending a thread while sharp is at work for it is not safe. */
async function settle(): Promise<Answer> {
  await Promise.allSettled(underWay);
  return { value: undefined };
}

answerCalls({ measure, open, batch, keep, settle });
