import { SslResnextError, WeightsError, type ByteSource } from "../core/index.ts";

/** Names inside a damaged or hostile file can be megabytes long. */
const longestMessage = 1000;

/** A WeightsError whose message starts with the file it is about. */
export function refuse(file: string, code: string, message: string, cause?: unknown): WeightsError {
  const cut = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
  return new WeightsError(`weights/${code}`, `${file}: ${cut}`, cause === undefined ? {} : { cause });
}

/** Reads a range of a file after checking, before anything is allocated, that the file has it. */
export async function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > source.size) {
    throw refuse(
      source.name,
      "truncated",
      `${what} should take ${length} bytes at offset ${offset}, but the file has ${source.size} bytes; ` +
        `it is damaged or its download was cut short.`,
    );
  }
  try {
    return await source.read(offset, length);
  } catch (cause) {
    if (cause instanceof SslResnextError) throw cause;
    throw refuse(source.name, "unreadable-file", `reading ${what} at offset ${offset} failed.`, cause);
  }
}
