import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "../../core/index.ts";

/**
 * Decompresses a gzip stream, chunk by chunk.
 *
 * @throws DataError when the data are damaged or cut off
 */
export async function* gunzipped(
  name: string,
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // The error surfaces in the loop below; the callback keeps it from being thrown twice.
  pipeline(Readable.from(compressed), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/gzip", `${name}: the gzip stream is damaged or cut off: ${reason}.`, { cause });
  }
}
