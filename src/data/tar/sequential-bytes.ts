import type { ByteSource } from "../../core/index.ts";

/** Bytes that are read from front to back. */
export interface SequentialBytes {
  /** Offset of the next byte. */
  readonly position: number;
  /** Length of the whole, where it is known beforehand. */
  readonly size: number | undefined;
  /** The next `length` bytes, fewer when the end comes first. */
  read(length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Moves on by `length` bytes, or to the end when that comes first. */
  skip(length: number): Promise<void>;
}

// Holds some forty entries of an archive of thumbnails; for large images one header each.
const windowSize = 32 * 1024;

/** Reads a file front to back through a small window: skipped bytes outside the window are never read. */
export function sequentialSource(source: ByteSource): SequentialBytes {
  let position = 0;
  let start = 0;
  let window = new Uint8Array(0);

  return {
    get position() {
      return position;
    },
    size: source.size,
    async read(length) {
      const end = Math.min(position + length, source.size);
      if (position < start || end > start + window.byteLength) {
        const wanted = Math.min(Math.max(end - position, windowSize), source.size - position);
        window = await source.read(position, wanted);
        start = position;
      }
      const bytes = window.slice(position - start, end - start);
      position = end;
      return bytes;
    },
    skip(length) {
      position = Math.min(position + length, source.size);
      return Promise.resolve();
    },
  };
}

/** Reads a stream front to back; holds no more than one chunk beside what is asked for. */
export function sequentialStream(chunks: AsyncIterable<Uint8Array>): SequentialBytes {
  const iterator = chunks[Symbol.asyncIterator]();
  let position = 0;
  let chunk: Uint8Array = new Uint8Array(0);

  // At most `length` bytes of what is at hand; undefined at the end of the stream.
  const take = async (length: number): Promise<Uint8Array | undefined> => {
    while (chunk.byteLength === 0) {
      const next = await iterator.next();
      if (next.done === true) return undefined;
      chunk = next.value;
    }
    const part = chunk.subarray(0, length);
    chunk = chunk.subarray(part.byteLength);
    position += part.byteLength;
    return part;
  };

  return {
    get position() {
      return position;
    },
    size: undefined,
    async read(length) {
      // Gathered piece by piece: a header may claim more than the stream holds.
      const parts: Uint8Array[] = [];
      let missing = length;
      while (missing > 0) {
        const part = await take(missing);
        if (part === undefined) break;
        parts.push(part);
        missing -= part.byteLength;
      }
      const bytes = new Uint8Array(length - missing);
      let offset = 0;
      for (const part of parts) {
        bytes.set(part, offset);
        offset += part.byteLength;
      }
      return bytes;
    },
    async skip(length) {
      let missing = length;
      while (missing > 0) {
        const part = await take(missing);
        if (part === undefined) return;
        missing -= part.byteLength;
      }
    },
  };
}
