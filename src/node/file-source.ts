import { open } from "node:fs/promises";
import { WeightsError, type ByteSource } from "../core/index.ts";

/** Bytes of one system call: Node refuses more than 2^31 - 1. */
const largestCall = 2 ** 30;

/** A ByteSource over an open file; close it when its tensors have been loaded. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * Opens a file for random access.
 *
 * @throws WeightsError `weights/unreadable-file` when it does not exist, is no file or may not be read
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const file = await open(path).catch((cause: unknown) => {
    throw new WeightsError("weights/unreadable-file", `${path}: cannot be opened (${reasonOf(cause)}).`, {
      cause,
    });
  });
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new WeightsError("weights/unreadable-file", `${path}: expected a file.`);
  }
  const { size } = stats;
  return {
    name: path,
    size,
    close: () => file.close(),
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) {
        throw new RangeError(`${path}: bytes ${offset}..${offset + length} lie outside its ${size} bytes.`);
      }
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const part = Math.min(length - filled, largestCall);
        const { bytesRead } = await file.read(bytes, filled, part, offset + filled);
        if (bytesRead === 0) {
          throw new WeightsError(
            "weights/truncated",
            `${path}: became shorter than ${size} bytes while it was read.`,
          );
        }
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
