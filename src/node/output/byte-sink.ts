import type { Writable } from "node:stream";
import { DataError } from "../../core/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";

/** Where the bytes of results go. */
export interface ByteSink {
  /** Resolves when more may be written, so that a slow reader slows the writer down. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Completes the output. */
  close(): Promise<void>;
  /** Drops what was written to a file; a stream keeps what it has got. */
  abort(): Promise<void>;
  /** Whether the reader has gone, as when a pipe ends in `head`; what is written from then on is dropped. */
  readonly readerGone: boolean;
}

/** A sink on a stream that is not ours to end, such as standard output. */
export function streamSink(stream: Writable): ByteSink {
  const writer = streamWriter(stream);
  const isReaderGone = (): boolean =>
    writer.failure !== undefined && "code" in writer.failure && writer.failure.code === "EPIPE";
  const check = (): void => {
    if (writer.failure === undefined || isReaderGone()) return;
    throw new DataError("data/output", `the output cannot be written: ${writer.failure.message}.`, {
      cause: writer.failure,
    });
  };
  return {
    async write(chunk) {
      await writer.write(chunk);
      check();
    },
    async close() {
      await writer.flush();
      writer.detach();
      check();
    },
    abort() {
      writer.detach();
      return Promise.resolve();
    },
    get readerGone() {
      return isReaderGone();
    },
  };
}

// Rows are short: gathered, they cost one system call instead of a hundred.
const bufferSize = 256 * 1024;

/**
 * A sink on a file, which appears when it is closed.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function fileSink(path: string): Promise<ByteSink> {
  const file = await nodeStorageFor(path).create(path);
  let gathered: Uint8Array[] = [];
  let length = 0;

  const flush = async (): Promise<void> => {
    const parts = gathered;
    gathered = [];
    length = 0;
    if (parts.length > 0) await file.write(Buffer.concat(parts));
  };
  return {
    async write(chunk) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      gathered.push(bytes);
      length += bytes.byteLength;
      if (length >= bufferSize) await flush();
    },
    async close() {
      try {
        await flush();
      } catch (error) {
        await file.abort();
        throw error;
      }
      await file.commit();
    },
    abort: () => file.abort(),
    readerGone: false,
  };
}

/** Writes to a stream at the pace of its reader. */
interface StreamWriter {
  /** The first error of the stream, if it has had one. */
  readonly failure: Error | undefined;
  /** Resolves when the stream has room for more; does nothing after a failure. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Resolves when all that was written has been handed on, or the stream has failed. */
  flush(): Promise<void>;
  /** Stops listening to the stream. */
  detach(): void;
}

/** A writer that notes errors instead of letting them end the process. */
function streamWriter(stream: Writable): StreamWriter {
  let failure: Error | undefined;
  const note = (error: Error): void => {
    failure ??= error;
  };
  stream.on("error", note);

  const room = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "error", "close"]) stream.off(event, done);
        resolve();
      };
      for (const event of ["drain", "error", "close"]) stream.on(event, done);
    });

  return {
    get failure() {
      return failure;
    },
    async write(chunk) {
      if (failure === undefined && !stream.write(chunk)) await room();
    },
    async flush() {
      if (failure !== undefined) return;
      await new Promise<void>((resolve) => {
        stream.write("", (error) => {
          if (error) note(error);
          resolve();
        });
      });
    },
    detach() {
      // After a failure the error event may still be on its way: unheard, it would end the process.
      if (failure === undefined) stream.off("error", note);
    },
  };
}
