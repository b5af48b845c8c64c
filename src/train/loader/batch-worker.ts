import { SessionError } from "../../core/errors.ts";
import { DataError, deriveSeed, seededRandom, SslResnextError } from "../../core/index.ts";
import type { ImageItem } from "../../data/image-source.ts";
import { stream } from "../../data/loader/epoch-order.ts";
import { indexedImage, type ImageIndex } from "../../data/loader/image-index.ts";
import type { BatchArrays, SkippedImage } from "../../data/loader/training-loader.ts";
import { mixBatch, writeTarget, type MixingOptions } from "../../data/mixing.ts";
import { crop } from "../../image/augment/geometric-transforms.ts";
import {
  drawPart,
  transformPart,
  type TrainingTransformOptions,
} from "../../image/augment/training-transform.ts";
import type { DecodeImage, DecodeOptions, RgbImage, Size, Window } from "../../image/index.ts";
import { toWire, type Answer, type Call, type Methods, type WireError } from "../../runtime/thread-calls.ts";

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

// Not from the indices of the folders: they would load all that reads data sets into each worker.
/** What a worker has to know to make the batches of a data set. */
export interface BatchSettings {
  readonly index: ImageIndex;
  /** Class index of each image. */
  readonly labels: Uint32Array;
  /** So many images, the first ones, have true labels; a model labelled the others. */
  readonly trueLabels: number;
  readonly classes: number;
  /** Views of each image. */
  readonly views: number;
  readonly seed: number;
  readonly transform: TrainingTransformOptions;
  readonly mixing: MixingOptions;
  readonly decode: DecodeOptions;
  readonly onBrokenImage: "skip" | "fail";
  readonly cache: DecodedCache | undefined;
}

/** What a platform gives its worker for batches. */
interface BatchParts {
  /** The encoded bytes of an image. @throws DataError */
  readonly read: (item: Pick<ImageItem, "content">) => Promise<Uint8Array>;
  readonly decodeImage: DecodeImage;
  /** Decodes the part of an image that `choose` picks once the image's size is known. @throws ImageError */
  readonly decodePart: (
    bytes: Uint8Array,
    choose: (whole: Size) => Window,
    options: DecodeOptions,
  ) => Promise<RgbImage>;
  /** One turn of the event loop, in which messages come in. */
  readonly nextTurn: () => Promise<void>;
}

/** Which batch to make. */
export interface BatchRequest {
  readonly epoch: number;
  /** The images by index. */
  readonly images: Uint32Array;
  /** Position of the first in the epoch's order, over all processes. */
  readonly position: number;
}

export interface MadeBatch extends BatchArrays {
  readonly skipped: readonly { readonly id: string; readonly error: WireError }[];
}

/** Images that are read and decoded at once, in Node on other threads, while this one augments. */
const lanes = 3;
/** Milliseconds after which the thread looks for messages, such as that the batch is no longer wanted. */
const attentionSpan = 20;
/** So many broken images one after another are no accident. */
const mostReplacements = 20;

/**
 * Reads, decodes and augments the images of a batch; undefined when it is no longer wanted.
 *
 * @param spare Arrays of earlier batches to write into; fresh ones are made where there are none.
 * @throws DataError `data/broken-images`, and with `onBrokenImage: "fail"` whatever is wrong with an image.
 */
async function makeBatch(
  parts: BatchParts,
  settings: BatchSettings,
  request: BatchRequest,
  call: { readonly cancelled: boolean },
  spare: BatchArrays[],
): Promise<MadeBatch | undefined> {
  const { index, labels, classes, views, seed, mixing } = settings;
  const { epoch, position } = request;
  const size = request.images.length;
  const kinds = transformsOf(settings);
  const side = settings.transform.preprocessing.inputSize;
  const { channels = 3 } = settings.transform;
  const imageLength = channels * side ** 2;
  const { images, targets } = spare.pop() ?? {
    images: new Float32Array(size * views * imageLength),
    targets: new Float32Array(size * classes),
  };
  const skipped: { readonly slot: number; readonly id: string; readonly error: WireError }[] = [];

  const fill = async (slot: number): Promise<void> => {
    const place = position + slot;
    let image = request.images[slot]!;
    for (let attempt = 0; ; attempt++) {
      const broken = await fillViews(slot, place, image);
      if (!broken) {
        if (classes > 0) writeTarget(labels[image]!, classes, mixing.smoothing, targets, slot * classes);
        return;
      }
      const { id } = indexedImage(index, image);
      if (settings.onBrokenImage === "fail") throw brokenImage({ id, error: broken });
      if (attempt === mostReplacements) throw tooManyBroken(id, broken);
      skipped.push({ slot, id, error: toWire(broken, "runtime/run-failed") });
      const { from, to } = kindOf(kinds, image);
      image = from + (deriveSeed(stream.replacement, seed, epoch, place, attempt) % (to - from));
    }
  };

  /** Writes all views of an image. @returns what is wrong with it, if it cannot be read */
  const fillViews = async (
    slot: number,
    place: number,
    image: number,
  ): Promise<SslResnextError | undefined> => {
    let bytes: Promise<Uint8Array> | undefined;
    const read = (): Promise<Uint8Array> => (bytes ??= parts.read(indexedImage(index, image)));
    const { transform } = kindOf(kinds, image);
    for (let view = 0; view < views; view++) {
      // The first view of an image is what it would be without others.
      const random = seededRandom(
        deriveSeed(stream.augmentation, seed, epoch, place, ...(view === 0 ? [] : [view])),
      );
      const choose = (whole: Size): Window => drawPart(whole, transform.augmentation, random);
      try {
        const part = await load(read, parts, settings, image, choose);
        transformPart(part, transform, random, images, (slot * views + view) * imageLength);
      } catch (error) {
        if (error instanceof SslResnextError) return error;
        throw error;
      }
    }
    return undefined;
  };

  let next = 0;
  let attended = performance.now();
  const lane = async (): Promise<void> => {
    while (next < size && !call.cancelled) {
      await fill(next++);
      if (performance.now() - attended > attentionSpan) {
        await parts.nextTurn();
        attended = performance.now();
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (call.cancelled) {
    spare.push({ images, targets });
    return undefined;
  }

  const random = seededRandom(deriveSeed(stream.mixing, seed, epoch, position));
  if (classes > 0) mixBatch({ images, targets, dims: [size, channels, side, side] }, mixing, random);
  skipped.sort((a, b) => a.slot - b.slot);
  return { images, targets, skipped: skipped.map(({ id, error }) => ({ id, error })) };
}

/** Images that are treated alike: those from one index on, before another. */
interface Kind {
  readonly from: number;
  readonly to: number;
  readonly transform: TrainingTransformOptions;
}

/**
 * Images with true labels, and those that a model labelled, if there are any. What happens to a share of a batch happens to
 * the latter first: to all of them from a share of a half on.
 */
function transformsOf({ index, trueLabels, transform }: BatchSettings): readonly [Kind, Kind?] {
  if (trueLabels === index.size) return [{ from: 0, to: index.size, transform }];
  const { augmentation } = transform;
  const changed = (augmentProb: number): TrainingTransformOptions => ({
    ...transform,
    augmentation: { ...augmentation, augmentProb },
  });
  const both = 2 * augmentation.augmentProb;
  return [
    { from: 0, to: trueLabels, transform: changed(Math.max(0, both - 1)) },
    { from: trueLabels, to: index.size, transform: changed(Math.min(1, both)) },
  ];
}

const kindOf = ([first, second]: readonly [Kind, Kind?], image: number): Kind =>
  second && image >= second.from ? second : first;

/** The chosen part of an image; without a cache no more of it is decoded. @param read Gives its encoded bytes */
async function load(
  read: () => Promise<Uint8Array>,
  { decodeImage, decodePart }: BatchParts,
  { decode, cache }: BatchSettings,
  image: number,
  choose: (whole: Size) => Window,
): Promise<RgbImage> {
  const cached = cache && cachedImage(cache, image);
  if (cached) return crop(cached, choose(cached));
  const bytes = await read();
  if (!cache) return decodePart(bytes, choose, decode);
  const decoded = await decodeImage(bytes, decode);
  cacheImage(cache, image, decoded);
  return crop(decoded, choose(decoded));
}

/** The error for an image that cannot be used where that ends the run. */
export function brokenImage({ id, error }: SkippedImage): DataError {
  return new DataError("data/broken-image", `${id}: ${error.message}`, { cause: error });
}

function tooManyBroken(id: string, error: SslResnextError): DataError {
  return new DataError(
    "data/broken-images",
    `${mostReplacements + 1} images in a row cannot be read, the last of them ${id}: ${error.message} Check the data, and the disk they lie on.`,
    { cause: error },
  );
}

/** Decoded images in memory that all threads see. Its parts are plain shared arrays, so that it can be sent to them. */
export interface DecodedCache {
  readonly pixels: Uint8Array;
  /** Units of `pixels` that are taken. */
  readonly taken: Int32Array;
  /** For each image the unit where its pixels begin, plus one; 0 when it is not held, -1 while it is written. */
  readonly places: Int32Array;
  /** Width and height of each image. */
  readonly sizes: Uint32Array;
}

/** Images begin at multiples of this many bytes, so that 32-bit places are enough. */
const unit = 64;

/** An empty cache. The system gives the memory only when it is written. */
export function decodedCache(images: number, bytes: number): DecodedCache {
  return {
    pixels: new Uint8Array(new SharedArrayBuffer(Math.ceil(bytes / unit) * unit)),
    taken: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    places: new Int32Array(new SharedArrayBuffer(images * Int32Array.BYTES_PER_ELEMENT)),
    sizes: new Uint32Array(new SharedArrayBuffer(2 * images * Uint32Array.BYTES_PER_ELEMENT)),
  };
}

/** An image that is held; its pixels must not be changed. */
function cachedImage({ pixels, places, sizes }: DecodedCache, image: number): RgbImage | undefined {
  const place = Atomics.load(places, image);
  if (place <= 0) return undefined;
  const width = sizes[2 * image]!;
  const height = sizes[2 * image + 1]!;
  const start = (place - 1) * unit;
  return { width, height, data: pixels.subarray(start, start + width * height * 3) };
}

/** Holds an image while there is room. */
function cacheImage(cache: DecodedCache, image: number, { width, height, data }: RgbImage): void {
  const { pixels, taken, places, sizes } = cache;
  const units = Math.ceil(data.length / unit);
  const room = pixels.length / unit;
  // Another thread may have decoded the same image.
  if (Atomics.load(taken, 0) + units > room || Atomics.compareExchange(places, image, 0, -1) !== 0) return;
  const start = Atomics.add(taken, 0, units);
  // Another thread may have taken the room since; the image stays marked, and is decoded each time.
  if (start + units > room) return;
  pixels.set(data, start * unit);
  sizes[2 * image] = width;
  sizes[2 * image + 1] = height;
  Atomics.store(places, image, start + 1);
}
