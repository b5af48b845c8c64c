import { SessionError } from "../../core/errors.ts";
import { indexedImage } from "../../data/loader/image-index.ts";
import type { BatchArrays } from "../../data/loader/training-loader.ts";
import type { Answer, Call, Methods } from "../../runtime/thread-calls.ts";
import { makeBatch, type BatchParts, type BatchRequest, type BatchSettings } from "./make-batch.ts";

/** The data set, and the images of it whose decoded size is asked for. */
export type MeasureRequest = Pick<BatchSettings, "index" | "decode"> & { readonly images: readonly number[] };

/** A batch is made while the one before is with the consumer. */
const mostSpare = 2;

/** The worker that makes whole batches for training. */
export function batchWorker(parts: BatchParts): Methods {
  let settings: BatchSettings | undefined;
  const spare: BatchArrays[] = [];
  const underWay = new Set<Promise<unknown>>();
  return {
    /** Decoded bytes of each image that can be read. */
    async measure({ index, decode, images }: MeasureRequest): Promise<Answer> {
      const sizes: number[] = [];
      for (const image of images) {
        try {
          const { data } = await parts.decodeImage(await parts.read(indexedImage(index, image)), decode);
          sizes.push(data.length);
        } catch {
          // A broken image tells nothing of the size of others; it is named when a batch would hold it.
        }
      }
      return { value: sizes };
    },
    open(request: BatchSettings): Promise<Answer> {
      settings = request;
      return Promise.resolve({ value: undefined });
    },
    async batch(request: BatchRequest, call: Call): Promise<Answer> {
      if (!settings)
        throw new SessionError("runtime/run-failed", "A batch was asked for before a data set was opened.");
      const making = makeBatch(parts, settings, request, call, spare);
      underWay.add(making);
      try {
        const value = await making;
        return value ? { value, transfer: [value.images.buffer, value.targets.buffer] } : { value };
      } finally {
        underWay.delete(making);
      }
    },
    /** Takes back the arrays of a batch that was made here. */
    keep(arrays: BatchArrays): Promise<Answer> {
      if (spare.length < mostSpare) spare.push(arrays);
      return Promise.resolve({ value: undefined });
    },
    /** Settles when no batch is under way: ending a thread while a decoder is at work for it is not safe. */
    async settle(): Promise<Answer> {
      await Promise.allSettled(underWay);
      return { value: undefined };
    },
  };
}
