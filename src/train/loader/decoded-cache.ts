import type { RgbImage } from "../../image/index.ts";

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
export function cachedImage({ pixels, places, sizes }: DecodedCache, image: number): RgbImage | undefined {
  const place = Atomics.load(places, image);
  if (place <= 0) return undefined;
  const width = sizes[2 * image]!;
  const height = sizes[2 * image + 1]!;
  const start = (place - 1) * unit;
  return { width, height, data: pixels.subarray(start, start + width * height * 3) };
}

/** Holds an image while there is room. */
export function cacheImage(cache: DecodedCache, image: number, { width, height, data }: RgbImage): void {
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
