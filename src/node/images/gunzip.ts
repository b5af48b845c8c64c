import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError, SslResnextError } from "../../core/index.ts";

/**
 * Decompresses a gzip stream, chunk by chunk.
 *
 * @throws DataError `data/gzip` when the data are damaged or cut off; what is wrong with their storage passes
 */
export async function* gunzip(
  name: string,
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const decompressed = createGunzip();
  // The error surfaces in the loop below; the callback keeps it from being thrown twice.
  pipeline(Readable.from(compressed), decompressed, () => undefined);
  try {
    for await (const chunk of decompressed) yield chunk as Uint8Array;
  } catch (cause) {
    if (cause instanceof SslResnextError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/gzip", `${name}: the gzip stream is damaged or cut off: ${reason}.`, { cause });
  }
}
