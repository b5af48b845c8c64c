import { availableParallelism } from "node:os";
import { availableMemory } from "node:process";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError, SslResnextError } from "../core/index.ts";
import { imageItem, type ImageInput } from "../predict/model.ts";
import type { ModelPlatform } from "../predict/open-model.ts";
import { nodeStorageFor } from "./files/file-storage.ts";
import { cacheFolder } from "./files/file-system.ts";
import { embeddedWeights, nodeSha256, pretrainedWeights } from "./files/hub-storage.ts";
import { fasterEngine } from "./engines/engine-speeds.ts";
import { cpuBlockSize } from "./engines/onnxruntime/block-size.ts";
import { createSession, externalData, storeModel } from "./engines/onnxruntime/ort-session.ts";
import { startThread } from "./threads/start-thread.ts";

/** What the pipeline needs of the world, in Node. */
export const nodePlatform: ModelPlatform<ImageInput> = {
  name: "node",
  storageFor: nodeStorageFor,
  cacheFolder,
  embeddedWeights,
  pretrainedWeights,
  itemOf: imageItem,
  sha256: nodeSha256,
  gunzip,
  stdin: () => process.stdin,
  // The limits of the process's container included.
  machine: () => ({ cores: availableParallelism(), freeMemory: availableMemory() }),
  startThread,
  createSession,
  blockSize: cpuBlockSize,
  fasterEngine,
  externalData,
  storeModel,
};

/**
 * Decompresses a gzip stream, chunk by chunk.
 *
 * @throws DataError `data/gzip` when the data are damaged or cut off; what is wrong with their storage passes
 */
async function* gunzip(name: string, compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
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
