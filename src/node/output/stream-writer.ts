import type { Writable } from "node:stream";

/** Writes to a stream at the pace of its reader. */
export interface StreamWriter {
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
export function streamWriter(stream: Writable): StreamWriter {
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
