import { bytesSource, type ByteSource } from "../../src/core/index.ts";

/** A ByteSource that keeps account of what was asked of it. */
export interface CountingSource extends ByteSource {
  readonly count: { reads: number; bytes: number; largest: number };
}

/** Counts reads over bytes in memory, and hands out copies as a file does. */
export function countingSource(name: string, bytes: Uint8Array<ArrayBuffer>): CountingSource {
  const source = bytesSource(name, bytes);
  const count = { reads: 0, bytes: 0, largest: 0 };
  return {
    name,
    size: source.size,
    count,
    async read(offset, length) {
      count.reads += 1;
      count.bytes += length;
      count.largest = Math.max(count.largest, length);
      return (await source.read(offset, length)).slice();
    },
  };
}

/** Everything that the chunks hold, in one array. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  return new Uint8Array(Buffer.concat(parts));
}
