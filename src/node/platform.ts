import { availableParallelism } from "node:os";
import { availableMemory } from "node:process";
import { imageItem, type ImageInput } from "../predict/model.ts";
import type { ModelPlatform } from "../predict/platform.ts";
import { nodeStorageFor } from "./files/file-storage.ts";
import { cacheFolder } from "./files/hub-storage.ts";
import { gunzip } from "./images/gunzip.ts";
import { nodeSha256, pretrainedWeights } from "./models/model-weights.ts";
import { cpuBlockSize } from "./onnx/block-size.ts";
import { createSession, externalData, storeModel } from "./onnx/ort-session.ts";
import { embeddedWeights } from "./package-files.ts";
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
  externalData,
  storeModel,
};
