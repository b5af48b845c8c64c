import type { AsyncBuffer } from "hyparquet";
import type { ByteSource } from "../../core/index.ts";

/** A ByteSource as hyparquet wants it. */
export function asyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = await source.read(start, end - start);
      const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
      return whole ? bytes.buffer : bytes.slice().buffer;
    },
  };
}
