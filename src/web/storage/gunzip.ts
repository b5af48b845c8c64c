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
  const { readable, writable } = new DecompressionStream("gzip");
  const writing = feed(compressed, writable.getWriter());
  // The error surfaces in the loop below.
  writing.catch(() => undefined);
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    await writing;
  } catch (cause) {
    if (cause instanceof SslResnextError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/gzip", `${name}: the gzip stream is damaged or cut off: ${reason}.`, { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function feed(
  chunks: AsyncIterable<Uint8Array>,
  writer: WritableStreamDefaultWriter<BufferSource>,
): Promise<void> {
  try {
    for await (const chunk of chunks) await writer.write(new Uint8Array(chunk));
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}
