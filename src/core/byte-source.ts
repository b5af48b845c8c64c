import { DataError } from "./errors.ts";

/** Random access to the bytes of a file, a Blob or a buffer. */
export interface ByteSource {
  /** What error messages call it: usually the path. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`; rejects when the range reaches past the end. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A ByteSource over bytes that are in memory already. */
export function bytesSource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
        return Promise.reject(
          new DataError(
            "core/out-of-range",
            `${name}: bytes ${offset}..${offset + length} lie outside its ${bytes.byteLength} bytes.`,
          ),
        );
      }
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

/** A ByteSource over a Blob or File, of which only what is asked for is read. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > blob.size) {
        throw new RangeError(
          `${name}: bytes ${offset}..${offset + length} lie outside its ${blob.size} bytes.`,
        );
      }
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}
