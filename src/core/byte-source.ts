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

/** Reading from a Blob is a trip to another process: what is shorter than this is taken out of a window so long. */
const windowBytes = 1 << 16;

/** A ByteSource over a Blob or File, which is read where it is asked for and a little way on. */
export function blobSource(name: string, blob: Blob): ByteSource {
  const bytesOf = (begin: number, end: number): Promise<ArrayBuffer> => blob.slice(begin, end).arrayBuffer();
  let window:
    { readonly begin: number; readonly end: number; readonly bytes: Promise<ArrayBuffer> } | undefined;
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      const end = offset + length;
      if (offset < 0 || length < 0 || end > blob.size) {
        throw new RangeError(`${name}: bytes ${offset}..${end} lie outside its ${blob.size} bytes.`);
      }
      if (length >= windowBytes) return new Uint8Array(await bytesOf(offset, end));
      if (!window || offset < window.begin || end > window.end) {
        const far = Math.min(offset + windowBytes, blob.size);
        window = { begin: offset, end: far, bytes: bytesOf(offset, far) };
      }
      const { begin, bytes } = window;
      return new Uint8Array((await bytes).slice(offset - begin, end - begin));
    },
  };
}
