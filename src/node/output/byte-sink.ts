import type { Writable } from "node:stream";
import { DataError } from "../../core/index.ts";
import { streamWriter } from "./stream-writer.ts";

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
